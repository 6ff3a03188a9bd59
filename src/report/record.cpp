#include "report/record.hpp"

namespace muster::report {

std::optional<double> Record::find(std::string_view name) const {
  for (const auto& [key, value] : values) {
    if (key == name) {
      return value;
    }
  }
  return std::nullopt;
}

}  // namespace muster::report
