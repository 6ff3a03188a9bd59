#include "data/transform.hpp"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <utility>

#include "core/error.hpp"
#include "data/transform_color.hpp"
#include "data/transform_labels.hpp"
#include "data/transform_plan.hpp"
#include "data/transform_turn.hpp"
#include "image/decode_window.hpp"
#include "image/orientation.hpp"
#include "image/resize.hpp"

namespace muster::data {
namespace {

// The two kinds of sample behind one face: sizes, labels, pixels of a window, what is carried through.

class DecodedSource {
 public:
  explicit DecodedSource(const Sample& sample) : sample_(sample) {
    const bool fits = sample.target.height == sample.image.height && sample.target.width == sample.image.width;
    check(sample.target.values.empty() || fits, "TrainTransform: sample {} has an image of {} x {} and labels of {} x {}", sample.id,
          sample.image.height, sample.image.width, sample.target.height, sample.target.width);
  }

  const Sample& facts() const { return sample_; }
  int height() const { return sample_.image.height; }
  int width() const { return sample_.image.width; }
  std::string_view where() const { return "TrainTransform"; }
  std::optional<LabelView> labels() const { return sample_.target.values.empty() ? std::nullopt : std::optional(view_labels(sample_)); }
  // The whole image holds every window: of the picture that `source` cuts out, it is a part that sticks out on all sides.
  std::pair<const image::Image&, image::PartOf> pixels(const image::Window& source, const image::Window&) const {
    return {sample_.image, {-source.top, -source.left, source.height, source.width}};
  }

 private:
  const Sample& sample_;
};

class StoredSource {
 public:
  StoredSource(const EncodedSample& stored, std::string_view where) : stored_(stored), where_(where) {}

  const EncodedSample& facts() const { return stored_; }
  int height() const { return stored_.height; }
  int width() const { return stored_.width; }
  std::string_view where() const { return where_; }
  std::optional<LabelView> labels() const { return stored_.mask.empty() ? std::nullopt : std::optional(unpack_labels(stored_, where_)); }
  // `needed` of the picture that `source` cuts out, decoded into memory of this thread.
  std::pair<const image::Image&, image::PartOf> pixels(const image::Window& source, const image::Window& needed) const {
    thread_local image::Image part;
    const bool swapped = image::swaps_sides(stored_.orientation);
    const int stored_height = swapped ? stored_.width : stored_.height;
    const int stored_width = swapped ? stored_.height : stored_.width;
    const image::Window upright = {source.top + needed.top, source.left + needed.left, needed.height, needed.width};
    image::decode_rgb_window(stored_.image, stored_height, stored_width,
                             image::stored_window(upright, stored_.orientation, stored_height, stored_width), part, where_);
    part = image::apply_orientation(std::move(part), stored_.orientation);
    return {part, {needed.top, needed.left, source.height, source.width}};
  }

 private:
  const EncodedSample& stored_;
  std::string_view where_;
};

// Colours are changed before the padding is put around, which keeps its value and has no part in the contrast's mean.
template <class Source>
image::Image cut_image(const Source& source, const TransformPlan& plan, const ColorPlan& color, int fill) {
  image::ResizeRequest request = {.height = plan.scaled_height, .width = plan.scaled_width, .window = plan.content};
  const auto [pixels, place] = source.pixels(plan.source, image::source_window(request, plan.source.height, plan.source.width));
  request.part = place;
  image::Image part = image::resize(pixels, request);
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

}  // namespace

TrainTransform::TrainTransform(TransformOptions options, std::vector<bool> learned)
    : options_(std::move(options)), learned_(std::move(learned)) {
  validate(options_);
}

// Of a segment mask (whose void is 0) the classes stand in the table of segments.
bool TrainTransform::shows_a_learned_class(const Sample& crop, std::uint16_t void_label) const {
  const auto learns = [this](std::size_t class_index) {
    return learned_.empty() || (class_index < learned_.size() && learned_[class_index]);
  };
  return std::any_of(crop.target.values.begin(), crop.target.values.end(), [&](std::uint16_t label) {
    if (label == void_label) {
      return false;
    }
    return learns(crop.segments.empty() ? label : static_cast<std::size_t>(crop.segments.at(label - 1U).class_index));
  });
}

template <class Source>
Sample TrainTransform::apply(const Source& source, std::uint64_t seed, std::uint32_t epoch) const {
  const auto& facts = source.facts();
  Sample out = {.id = facts.id, .image = {}, .target = {}, .label = facts.label, .labels = facts.labels, .segments = facts.segments};
  DrawKey key = {.seed = seed, .epoch = epoch, .sample_id = facts.id};
  TransformPlan plan = draw_plan(options_, source.height(), source.width(), key);
  if (const std::optional<LabelView> labels = source.labels()) {
    out.target = cut_labels(*labels, plan, source.where());
    // The image waits until the labels are worth it.
    while (!shows_a_learned_class(out, labels->void_label)) {
      if (key.attempt == kCropRetries) {
        given_up_->fetch_add(1);
        break;
      }
      ++key.attempt;
      plan = draw_plan(options_, source.height(), source.width(), key);
      out.target = cut_labels(*labels, plan, source.where());
    }
    turn_labels(out.target, plan, labels->void_label);
  }
  const int fill = options_.random_crop.fill;
  out.image = cut_image(source, plan, draw_color(options_.color_jitter, key), fill);
  turn_image(out.image, plan, static_cast<std::uint8_t>(fill));
  return out;
}

Sample TrainTransform::operator()(const EncodedSample& stored, std::string_view where, std::uint64_t seed, std::uint32_t epoch) const {
  return apply(StoredSource(stored, where), seed, epoch);
}

Sample TrainTransform::operator()(const Sample& sample, std::uint64_t seed, std::uint32_t epoch) const {
  return apply(DecodedSource(sample), seed, epoch);
}

}  // namespace muster::data
