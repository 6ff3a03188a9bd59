#include "pack/shrink.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include "data/mask_codec.hpp"
#include "data/segment_measure.hpp"
#include "image/resize.hpp"
#include "pack/class_file.hpp"

namespace muster::pack {
namespace {

std::vector<data::ClassPixels> histogram_of(const std::map<std::uint16_t, std::uint32_t>& pixels) {
  std::vector<data::ClassPixels> histogram;
  for (const auto& [index, count] : pixels) {
    histogram.push_back({.class_index = index, .pixels = count});
  }
  return histogram;
}

void shrink_class_mask(EncodedTarget& target, const Extent& from, const Extent& to) {
  const image::LabelMap labels = image::resize_nearest(
      data::decode_mask(target.mask, target.codec, target.dtype, from.height, from.width, "the mask"), to.height, to.width);
  std::map<std::uint16_t, std::uint32_t> pixels;
  for (const std::uint16_t label : labels.values) {
    if (label != kVoid) {
      ++pixels[label];
    }
  }
  target.histogram = histogram_of(pixels);
  target.mask = data::encode_mask(labels, target.dtype);
}

void shrink_segment_mask(EncodedTarget& target, const Extent& from, const Extent& to) {
  image::LabelMap map = image::resize_nearest(
      data::decode_segment_mask(target.mask, target.codec, target.dtype, from.height, from.width, target.segments.size(), "the mask"),
      to.height, to.width);
  data::keep_segments_with_pixels(map, target.segments);
  target.histogram = data::class_histogram(target.segments);
  target.dtype = target.segments.size() <= data::kMostSegments8 ? 1 : 2;
  target.mask = data::encode_segment_mask(map, target.dtype);
}

}  // namespace

Extent shrunk(const Extent& size, std::int64_t max_side) {
  const int longer = std::max(size.height, size.width);
  if (max_side == 0 || longer <= max_side) {
    return size;
  }
  const auto scaled = [&](int side) {
    return std::max(1, static_cast<int>(std::lround(static_cast<double>(side) * static_cast<double>(max_side) / longer)));
  };
  return {scaled(size.height), scaled(size.width)};
}

EncodedTarget shrink_target(EncodedTarget target, const Extent& from, const Extent& to, bool segments) {
  if (target.mask.empty() || from == to) {
    return target;
  }
  if (segments) {
    shrink_segment_mask(target, from, to);
  } else {
    shrink_class_mask(target, from, to);
  }
  return target;
}

}  // namespace muster::pack
