#include "data/transform.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>

#include "core/error.hpp"
#include "data/transform_color.hpp"
#include "data/transform_plan.hpp"
#include "image/orientation.hpp"
#include "image/resize.hpp"

namespace muster::data {
namespace {

image::LabelMap cut_labels(const image::LabelMap& target, const TransformPlan& plan) {
  const image::LabelMap part = image::resize_nearest(target, plan.scaled_height, plan.scaled_width, plan.content);
  image::LabelMap crop(plan.crop_height, plan.crop_width, kVoidLabel);
  for (int y = 0; y < part.height; ++y) {
    std::copy_n(part.row(y), part.width, crop.row(plan.top + y) + plan.left);
  }
  return crop;
}

// Colours are changed before the padding is put around, which keeps its value and has no part in the contrast's mean.
image::Image cut_image(const image::Image& whole, const TransformPlan& plan, const ColorPlan& color, int fill) {
  image::Image part = image::resize(whole, {.height = plan.scaled_height, .width = plan.scaled_width, .window = plan.content});
  jitter_color(part, color);
  if (part.height == plan.crop_height && part.width == plan.crop_width) {
    return part;
  }
  image::Image crop(plan.crop_height, plan.crop_width);
  std::fill(crop.pixels.begin(), crop.pixels.end(), static_cast<std::uint8_t>(fill));
  for (int y = 0; y < part.height; ++y) {
    std::copy_n(part.row(y), part.row_bytes(), crop.row(plan.top + y) + static_cast<std::size_t>(plan.left) * 3);
  }
  return crop;
}

// Flips and quarter turns, as EXIF numbers them.
template <class Map>
Map turn(Map map, const TransformPlan& plan) {
  constexpr std::array<int, 4> kTurns = {1, 6, 3, 8};
  if (plan.flip_horizontal) {
    map = image::apply_orientation(std::move(map), 2);
  }
  if (plan.flip_vertical) {
    map = image::apply_orientation(std::move(map), 4);
  }
  return image::apply_orientation(std::move(map), kTurns[static_cast<std::size_t>(plan.quarter_turns)]);
}

}  // namespace

TrainTransform::TrainTransform(TransformOptions options, std::vector<bool> learned)
    : options_(std::move(options)), learned_(std::move(learned)) {
  validate(options_);
}

bool TrainTransform::shows_a_learned_class(const image::LabelMap& labels) const {
  return std::any_of(labels.values.begin(), labels.values.end(), [this](std::uint16_t label) {
    return learned_.empty() ? label != kVoidLabel : label < learned_.size() && learned_[label];
  });
}

Sample TrainTransform::operator()(const Sample& sample, std::uint64_t seed, std::uint32_t epoch) const {
  const image::Image& whole = sample.image;
  const bool labelled = !sample.target.values.empty();
  check(!labelled || (sample.target.height == whole.height && sample.target.width == whole.width),
        "TrainTransform: sample {} has an image of {} x {} and labels of {} x {}", sample.id, whole.height, whole.width,
        sample.target.height, sample.target.width);

  DrawKey key = {.seed = seed, .epoch = epoch, .sample_id = sample.id};
  TransformPlan plan = draw_plan(options_, whole.height, whole.width, key);
  Sample out;
  out.id = sample.id;
  if (labelled) {
    out.target = cut_labels(sample.target, plan);
    // The image waits until the labels are worth it.
    while (!shows_a_learned_class(out.target)) {
      if (key.attempt == kCropRetries) {
        given_up_->fetch_add(1);
        break;
      }
      ++key.attempt;
      plan = draw_plan(options_, whole.height, whole.width, key);
      out.target = cut_labels(sample.target, plan);
    }
    out.target = turn(std::move(out.target), plan);
  }
  out.image = turn(cut_image(whole, plan, draw_color(options_.color_jitter, key), options_.random_crop.fill), plan);
  return out;
}

void normalise_into(const image::Image& image, float* out_CHW, std::span<const double> mean, std::span<const double> std) {
  check(!mean.empty() && mean.size() == std.size(), "normalise_into: {} means, {} stds", mean.size(), std.size());
  const auto channels = static_cast<std::size_t>(image.channels);
  const std::size_t plane = image.pixels.size() / channels;
  for (std::size_t c = 0; c < channels; ++c) {
    std::array<float, 256> table;  // a pixel has 256 values
    for (std::size_t v = 0; v < table.size(); ++v) {
      table[v] = static_cast<float>((static_cast<double>(v) / 255.0 - mean[c % mean.size()]) / std[c % std.size()]);
    }
    const std::uint8_t* pixel = image.pixels.data() + c;
    float* out = out_CHW + c * plane;
    for (std::size_t i = 0; i < plane; ++i) {
      out[i] = table[pixel[i * channels]];
    }
  }
}

}  // namespace muster::data
