#include "data/transform_plan.hpp"

#include <algorithm>
#include <cmath>
#include <string>

#include "core/error.hpp"
#include "core/random.hpp"

namespace muster::data {
namespace {

struct Size {
  int height;
  int width;
};

RandomSequence draws(AugmentOperation operation, const DrawKey& key) {
  const std::uint32_t site = static_cast<std::uint32_t>(operation) * 32 + key.attempt;
  return {key.seed, RandomStream::kAugment, site, key.sample_id, key.epoch};
}

// One of 0..choices-1, each as likely.
int pick(const RandomSequence& random, std::uint64_t index, int choices) {
  return std::min(static_cast<int>(random.uniform(index) * choices), choices - 1);
}

double draw_scale(const ScaleJitterOptions& options, const RandomSequence& random) {
  if (options.num_scales == 0) {
    return random.uniform(1, options.min_scale, options.max_scale);
  }
  const int step = pick(random, 1, options.num_scales);
  return options.min_scale + (options.max_scale - options.min_scale) * step / std::max(options.num_scales - 1, 1);
}

// EoMT: trunc(side * s * min(crop / side)), so that s = 1 fits the image into the crop. (tue-mps/eomt, datasets/transforms.py;
// torchvision's ScaleJitter.) LightlyTrain: trunc(s * crop), whatever the shape of the image.
Size jitter_scale(const TransformOptions& options, Size size, const DrawKey& key) {
  const RandomSequence random = draws(AugmentOperation::kScale, key);
  if (random.uniform(0) >= options.scale_jitter.prob) {
    return size;
  }
  const double scale = draw_scale(options.scale_jitter, random);
  const double down = static_cast<double>(options.crop_height()) / size.height;
  const double across = static_cast<double>(options.crop_width()) / size.width;
  if (options.scale_jitter.keep_aspect) {
    const double factor = scale * std::min(down, across);
    size = {static_cast<int>(size.height * factor), static_cast<int>(size.width * factor)};
  } else {
    size = {static_cast<int>(scale * options.crop_height()), static_cast<int>(scale * options.crop_width())};
  }
  if (const int unit = options.scale_jitter.divisible_by; unit > 0) {
    size = {static_cast<int>(std::nearbyint(static_cast<double>(size.height) / unit)) * unit,
            static_cast<int>(std::nearbyint(static_cast<double>(size.width) / unit)) * unit};
    size = {std::max(size.height, unit), std::max(size.width, unit)};
  }
  return {std::max(size.height, 1), std::max(size.width, 1)};
}

Size scale_short_side(const SmallestMaxSizeOptions& options, Size size, const DrawKey& key) {
  if (options.max_size == 0 || draws(AugmentOperation::kSmallestSize, key).uniform(0) >= options.prob) {
    return size;
  }
  const double factor = static_cast<double>(options.max_size) / std::min(size.height, size.width);
  return {std::max(1, static_cast<int>(std::lround(size.height * factor))),
          std::max(1, static_cast<int>(std::lround(size.width * factor)))};
}

// Along one axis: how far the scaled image starts before (negative) or behind the crop's first pixel. `slack` = crop - side.
int start_along(int slack, bool drawn, const RandomSequence& random, std::uint64_t index, const std::string& pad_position, bool vertical) {
  if (slack < 0) {  // larger than the crop: choose what is cut off
    return drawn ? -pick(random, index, 1 - slack) : slack / 2;
  }
  if (pad_position == "random") {
    return pick(random, index, slack + 1);
  }
  if (pad_position == "center") {
    return slack / 2;
  }
  const bool at_end = vertical ? pad_position.starts_with("bottom") : pad_position.ends_with("right");
  return at_end ? slack : 0;
}

// A box of drawn area and shape at a drawn place, or after ten that do not fit, the largest of an allowed shape in the middle.
// torchvision's RandomResizedCrop; rounding is to even, as Python's.
image::Window draw_box(const RandomResizedCropOptions& options, const Size& image, const RandomSequence& random) {
  const double area = static_cast<double>(image.height) * image.width;
  const auto rounded = [](double side) { return static_cast<int>(std::nearbyint(side)); };
  for (std::uint64_t attempt = 0; attempt < 10; ++attempt) {
    const std::uint64_t index = 1 + 4 * attempt;
    const double wanted = area * random.uniform(index, options.min_scale, options.max_scale);
    const double ratio = std::exp(random.uniform(index + 1, std::log(options.min_ratio), std::log(options.max_ratio)));
    const int width = rounded(std::sqrt(wanted * ratio));
    const int height = rounded(std::sqrt(wanted / ratio));
    if (width > 0 && height > 0 && width <= image.width && height <= image.height) {
      return {.top = pick(random, index + 2, image.height - height + 1),
              .left = pick(random, index + 3, image.width - width + 1),
              .height = height,
              .width = width};
    }
  }
  const double shape = static_cast<double>(image.width) / image.height;
  Size box = image;
  if (shape < options.min_ratio) {
    box.height = std::clamp(rounded(image.width / options.min_ratio), 1, image.height);
  } else if (shape > options.max_ratio) {
    box.width = std::clamp(rounded(image.height * options.max_ratio), 1, image.width);
  }
  return {.top = (image.height - box.height) / 2, .left = (image.width - box.width) / 2, .height = box.height, .width = box.width};
}

// The drawn box, scaled to the crop.
void place_box(TransformPlan& plan, const image::Window& box) {
  plan.source = box;
  plan.scaled_height = plan.crop_height;
  plan.scaled_width = plan.crop_width;
  plan.content = {.top = 0, .left = 0, .height = plan.crop_height, .width = plan.crop_width};
}

// Scale jitter, short side, crop with padding.
void place_crop(TransformPlan& plan, const TransformOptions& options, const Size& image, const DrawKey& key) {
  const Size scaled = scale_short_side(options.smallest_max_size, jitter_scale(options, image, key), key);
  plan.source = {.top = 0, .left = 0, .height = image.height, .width = image.width};
  plan.scaled_height = scaled.height;
  plan.scaled_width = scaled.width;
  if (!options.random_crop.pad_if_needed && (scaled.height < plan.crop_height || scaled.width < plan.crop_width)) {
    throw DataError(
        "sample {}: {} x {} pixels after scaling are less than the crop of {} x {}; set transform_args.random_crop.pad_if_needed=true",
        key.sample_id, scaled.height, scaled.width, plan.crop_height, plan.crop_width);
  }
  const RandomSequence crop = draws(AugmentOperation::kCrop, key);
  const bool drawn = crop.uniform(0) < options.random_crop.prob;
  const int row = start_along(plan.crop_height - scaled.height, drawn, crop, 1, options.random_crop.pad_position, true);
  const int column = start_along(plan.crop_width - scaled.width, drawn, crop, 2, options.random_crop.pad_position, false);
  plan.top = std::max(row, 0);
  plan.left = std::max(column, 0);
  plan.content = {.top = std::max(-row, 0),
                  .left = std::max(-column, 0),
                  .height = std::min(scaled.height, plan.crop_height),
                  .width = std::min(scaled.width, plan.crop_width)};
}

}  // namespace

TransformPlan draw_plan(const TransformOptions& options, int height, int width, const DrawKey& key) {
  check(height > 0 && width > 0 && key.attempt < 32, "draw_plan: {} x {}, attempt {}", height, width, key.attempt);
  TransformPlan plan;
  plan.crop_height = options.crop_height();
  plan.crop_width = options.crop_width();
  const RandomSequence box = draws(AugmentOperation::kResizedCrop, key);
  if (box.uniform(0) < options.random_resized_crop.prob) {
    place_box(plan, draw_box(options.random_resized_crop, {height, width}, box));
  } else {
    place_crop(plan, options, {height, width}, key);
  }

  const RandomSequence flip = draws(AugmentOperation::kFlip, key);
  plan.flip_horizontal = flip.uniform(0) < options.random_flip.horizontal_prob;
  plan.flip_vertical = flip.uniform(1) < options.random_flip.vertical_prob;
  const RandomSequence turn = draws(AugmentOperation::kTurn, key);
  plan.quarter_turns = turn.uniform(0) < options.random_rotate_90.prob ? 1 + pick(turn, 1, 3) : 0;
  const RandomSequence rotate = draws(AugmentOperation::kRotate, key);
  if (rotate.uniform(0) < options.random_rotate.prob) {
    plan.rotation = rotate.uniform(1, -options.random_rotate.degrees, options.random_rotate.degrees);
  }
  return plan;
}

}  // namespace muster::data
