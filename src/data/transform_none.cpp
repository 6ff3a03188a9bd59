#include "data/transform_none.hpp"

#include <string_view>

namespace muster::data {

void switch_off_none(io::Value& recipe) {
  const io::Value* given = recipe.find("transform_args");
  if (given == nullptr || !given->is_map()) {
    return;
  }
  io::Value& transform = recipe["transform_args"];
  const auto is_none = [&](std::string_view name) {
    const io::Value* value = transform.find(name);
    return value != nullptr && value->is_null();
  };
  for (const std::string_view name :
       {"random_resized_crop", "scale_jitter", "smallest_max_size", "random_rotate_90", "random_rotate", "color_jitter"}) {
    if (is_none(name)) {
      transform.set(name, io::Value::map({{"prob", 0.0}}));
    }
  }
  if (is_none("random_flip")) {
    transform.set("random_flip", io::Value::map({{"horizontal_prob", 0.0}, {"vertical_prob", 0.0}}));
  }
}

}  // namespace muster::data
