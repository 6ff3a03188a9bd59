#include "data/transform_val.hpp"

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/ranges.h>

#include "core/error.hpp"
#include "data/transform_options.hpp"

namespace muster::data {
namespace {

bool says_nothing(const io::Value& value) {
  return value.is_null() || value == io::Value("auto");
}

std::vector<double> doubles(const io::Value& list) {
  std::vector<double> values;
  for (const io::Value& value : list.as_list()) {
    values.push_back(value.as_double());
  }
  return values;
}

// Of a group `normalize`, with `otherwise` for what it leaves open.
NormalizeOptions read_normalisation(const io::Value* group, NormalizeOptions otherwise) {
  if (group == nullptr || group->is_null()) {
    return otherwise;
  }
  for (const io::Value::Member& member : group->as_map()) {
    if (member.key != "mean" && member.key != "std") {
      throw ConfigError("transform_args.val.normalize.{} is not known; normalize has mean and std", member.key);
    }
    (member.key == "mean" ? otherwise.mean : otherwise.std) = doubles(member.value);
  }
  return otherwise;
}

void take_normalisation(const io::Value& transform, io::Value& val) {
  const io::Value* given = val.find("normalize");
  if (given == nullptr) {
    return;
  }
  if (!says_nothing(*given)) {
    const io::Value* settled = transform.find("normalize");
    const NormalizeOptions training = read_normalisation(settled, {});
    const NormalizeOptions validation = read_normalisation(given, training);
    if (validation.mean != training.mean || validation.std != training.std) {
      throw ConfigError(
          "transform_args.val.normalize has mean [{}] and std [{}], training [{}] and [{}]: a model sees images normalised in one way; "
          "remove it from val, or set transform_args.normalize",
          fmt::join(validation.mean, ", "), fmt::join(validation.std, ", "), fmt::join(training.mean, ", "), fmt::join(training.std, ", "));
    }
  }
  val.erase("normalize");
}

// The short side of the window that images are evaluated in.
std::int64_t window_side(const io::Value& transform, const io::Value& val) {
  const io::Value* size = val.find("image_size");
  if (size == nullptr || size->is_null() || size->size() == 0) {
    size = transform.find("image_size");
  }
  const std::vector<double> sides = size == nullptr || size->is_null() ? std::vector<double>{512, 512} : doubles(*size);
  return sides.empty() ? 0 : static_cast<std::int64_t>(*std::ranges::min_element(sides));
}

void take_short_side(const io::Value& transform, io::Value& val) {
  const io::Value* given = val.find("smallest_max_size");
  if (given == nullptr) {
    return;
  }
  if (!says_nothing(*given)) {
    const std::int64_t side = window_side(transform, val);
    for (const auto& [key, value] : given->as_map()) {
      const bool as_it_is = says_nothing(value) || (key == "max_size" && value.as_double() == static_cast<double>(side)) ||
                            (key == "prob" && value.as_double() == 1.0);
      if (!as_it_is) {
        throw ConfigError(
            "transform_args.val.smallest_max_size: validation scales the short side of each image to that of the window, here {} pixels, "
            "always; remove it, or set val.image_size",
            side);
      }
    }
  }
  val.erase("smallest_max_size");
}

}  // namespace

void take_settled_val(io::Value& recipe) {
  const io::Value* transform = recipe.find("transform_args");
  const io::Value* given = transform == nullptr ? nullptr : transform->find("val");
  if (given == nullptr || !given->is_map()) {
    return;
  }
  io::Value val = *given;
  for (const std::string_view name :
       {"channel_drop", "scale_jitter", "random_crop", "random_flip", "random_rotate_90", "random_rotate", "color_jitter"}) {
    const io::Value* augmentation = val.find(name);
    if (augmentation != nullptr && !augmentation->is_null()) {
      throw ConfigError("transform_args.val.{} is set, but validation images are not varied; write null, or remove it", name);
    }
    val.erase(name);
  }
  take_normalisation(*transform, val);
  take_short_side(*transform, val);
  recipe["transform_args"].set("val", std::move(val));
}

}  // namespace muster::data
