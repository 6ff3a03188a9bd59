#include "data/transform_labels.hpp"

#include <algorithm>
#include <vector>

#include "core/error.hpp"
#include "data/mask_codec.hpp"
#include "image/resize.hpp"

namespace muster::data {
namespace {

constexpr int kStoredVoid8 = 255;  // FORMAT.md; of 16 bits it is kVoidLabel already

// Rows and columns of the labels, one for each of the crop's.
struct Picks {
  std::vector<int> rows;
  std::vector<int> columns;
  bool contiguous = false;  // columns count one by one
};

std::vector<int> picks_along(int first, int side, int scaled, int offset, int count) {
  std::vector<int> index = image::nearest_index(side, scaled, offset, count);
  for (int& i : index) {
    i += first;
  }
  return index;
}

Picks picks_of(const TransformPlan& plan) {
  Picks picks = {
      .rows = picks_along(plan.source.top, plan.source.height, plan.scaled_height, plan.content.top, plan.content.height),
      .columns = picks_along(plan.source.left, plan.source.width, plan.scaled_width, plan.content.left, plan.content.width),
  };
  picks.contiguous = plan.source.width == plan.scaled_width;
  return picks;
}

template <class Value>
void pick_labels(const Value* labels, const LabelView& view, const Picks& picks, const TransformPlan& plan, image::LabelMap& crop) {
  const auto widened = [stored_void = view.stored_void, void_label = view.void_label](Value label) {
    return label == stored_void ? void_label : static_cast<std::uint16_t>(label);
  };
  for (std::size_t y = 0; y < picks.rows.size(); ++y) {
    const Value* from = labels + static_cast<std::size_t>(picks.rows[y]) * static_cast<std::size_t>(view.width);
    std::uint16_t* to = crop.row(plan.top + static_cast<int>(y)) + plan.left;
    if (picks.contiguous) {
      std::transform(from + picks.columns.front(), from + picks.columns.back() + 1, to, widened);
      continue;
    }
    for (const int x : picks.columns) {
      *to++ = widened(from[x]);
    }
  }
}

}  // namespace

LabelView view_labels(const Sample& sample) {
  LabelView view = {.height = sample.target.height, .width = sample.target.width, .narrow = {}, .wide = sample.target.values};
  view.void_label = sample.segments.empty() ? kVoidLabel : std::uint16_t{0};
  return view;
}

LabelView unpack_labels(const EncodedSample& encoded, std::string_view where) {
  LabelView view = {.height = encoded.height, .width = encoded.width, .narrow = {}, .wide = {}};
  if (encoded.kind == TargetKind::kSegmentMask) {
    view.void_label = 0;
    view.largest_label = static_cast<std::uint16_t>(std::min<std::size_t>(encoded.segments.size(), kMostSegments));
  } else if (encoded.mask_dtype == 1) {
    view.stored_void = kStoredVoid8;
  }
  thread_local std::vector<std::uint16_t> memory;  // of the largest mask so far
  const std::size_t count = static_cast<std::size_t>(encoded.height) * static_cast<std::size_t>(encoded.width);
  const std::size_t bytes = count * (encoded.mask_dtype == 1 ? 1 : 2);
  memory.resize(std::max(memory.size(), (bytes + 1) / 2));
  const std::span<std::byte> room = std::as_writable_bytes(std::span(memory)).first(bytes);
  unpack_mask(encoded.mask, encoded.mask_codec, encoded.mask_dtype, encoded.height, encoded.width, room, where);
  if (encoded.mask_dtype == 1) {
    view.narrow = {reinterpret_cast<const std::uint8_t*>(memory.data()), count};
  } else {
    view.wide = {memory.data(), count};
  }
  return view;
}

image::LabelMap cut_labels(const LabelView& labels, const TransformPlan& plan, std::string_view where) {
  image::LabelMap crop(plan.crop_height, plan.crop_width, labels.void_label);
  const Picks picks = picks_of(plan);
  if (labels.narrow.empty()) {
    pick_labels(labels.wide.data(), labels, picks, plan, crop);
  } else {
    pick_labels(labels.narrow.data(), labels, picks, plan, crop);
  }
  if (labels.largest_label != kVoidLabel) {
    const std::uint16_t largest = *std::ranges::max_element(crop.values);
    if (largest > labels.largest_label) {
      throw DataError("{}: the mask holds the segment {}, the index has {} for this image; repack this shard", where, largest,
                      labels.largest_label);
    }
  }
  return crop;
}

}  // namespace muster::data
