#include "data/transform_none.hpp"

#include <string_view>

#include "core/error.hpp"

namespace muster::data {

namespace {

void refuse_channel_drop(io::Value& transform) {
  const io::Value* drop = transform.find("channel_drop");
  if (drop != nullptr && !drop->is_null()) {
    throw ConfigError(
        "transform_args.channel_drop is set, but images have three channels here, of which none is dropped; write null, or remove it");
  }
  transform.erase("channel_drop");
}

}  // namespace

void switch_off_none(io::Value& recipe) {
  const io::Value* given = recipe.find("transform_args");
  if (given == nullptr || !given->is_map()) {
    return;
  }
  io::Value& transform = recipe["transform_args"];
  refuse_channel_drop(transform);
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
  if (const io::Value* normalize = transform.find("normalize");
      normalize != nullptr && (normalize->is_null() || *normalize == io::Value("auto"))) {
    transform.erase("normalize");
  }
  if (const io::Value* jitter = transform.find("scale_jitter"); jitter != nullptr && jitter->is_map()) {
    const io::Value* unit = jitter->find("divisible_by");
    if (unit != nullptr && unit->is_null()) {
      transform["scale_jitter"].erase("divisible_by");
    }
  }
  if (is_none("random_flip")) {
    transform.set("random_flip", io::Value::map({{"horizontal_prob", 0.0}, {"vertical_prob", 0.0}}));
  }
}

}  // namespace muster::data
