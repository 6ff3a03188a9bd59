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

}  // namespace

TransformPlan draw_plan(const TransformOptions& options, int height, int width, const DrawKey& key) {
  check(height > 0 && width > 0 && key.attempt < 32, "draw_plan: {} x {}, attempt {}", height, width, key.attempt);
  const Size scaled = scale_short_side(options.smallest_max_size, jitter_scale(options, {height, width}, key), key);
  TransformPlan plan;
  plan.scaled_height = scaled.height;
  plan.scaled_width = scaled.width;
  plan.crop_height = options.crop_height();
  plan.crop_width = options.crop_width();
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

  const RandomSequence flip = draws(AugmentOperation::kFlip, key);
  plan.flip_horizontal = flip.uniform(0) < options.random_flip.horizontal_prob;
  plan.flip_vertical = flip.uniform(1) < options.random_flip.vertical_prob;
  const RandomSequence turn = draws(AugmentOperation::kTurn, key);
  plan.quarter_turns = turn.uniform(0) < options.random_rotate_90.prob ? 1 + pick(turn, 1, 3) : 0;
  return plan;
}

}  // namespace muster::data
