#include "label/label_options.hpp"

#include <filesystem>

#include "core/error.hpp"

namespace muster::label {

void validate(const LabelOptions& o) {
  if (o.out.empty() || o.data.empty() || o.model.empty()) {
    throw ConfigError("{} is not set; labelling takes model=runs/a data=photos out=labels", o.out.empty()    ? "out"
                                                                                            : o.data.empty() ? "data"
                                                                                                             : "model");
  }
  std::error_code error;
  if (!std::filesystem::exists(o.data, error)) {
    throw ConfigError("data={}: there is no such image, folder or list", o.data);
  }
}

}  // namespace muster::label
