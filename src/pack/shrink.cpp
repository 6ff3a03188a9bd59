#include "pack/shrink.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include "data/mask_codec.hpp"
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

// Area and box of each stored value 1, 2, ... of a map of segments.
void measure_segments(const image::LabelMap& map, std::vector<data::Segment>& segments) {
  struct Bounds {
    int left = 0, top = 0, right = -1, bottom = -1;
  };
  std::vector<Bounds> bounds(segments.size());
  for (data::Segment& segment : segments) {
    segment.area = 0;
  }
  for (int y = 0; y < map.height; ++y) {
    for (int x = 0; x < map.width; ++x) {
      const std::uint16_t value = map.row(y)[x];
      if (value == 0) {
        continue;
      }
      Bounds& b = bounds[value - 1U];
      b = segments[value - 1U].area++ == 0 ? Bounds{x, y, x, y}
                                           : Bounds{std::min(b.left, x), b.top, std::max(b.right, x), y};
    }
  }
  for (std::size_t k = 0; k < segments.size(); ++k) {
    const Bounds& b = bounds[k];
    segments[k].bbox = {b.left, b.top, b.right - b.left + 1, b.bottom - b.top + 1};
  }
}

void shrink_segment_mask(EncodedTarget& target, const Extent& from, const Extent& to) {
  image::LabelMap map = image::resize_nearest(data::decode_segment_mask(target.mask, target.codec, target.dtype, from.height, from.width,
                                                                        target.segments.size(), "the mask"),
                                              to.height, to.width);
  measure_segments(map, target.segments);
  std::vector<std::uint16_t> renumbered(target.segments.size() + 1);
  std::vector<data::Segment> left;
  for (std::size_t k = 0; k < target.segments.size(); ++k) {
    if (target.segments[k].area > 0) {
      left.push_back(target.segments[k]);
      renumbered[k + 1] = static_cast<std::uint16_t>(left.size());
    }
  }
  for (std::uint16_t& value : map.values) {
    value = renumbered[value];
  }
  std::map<std::uint16_t, std::uint32_t> pixels;
  for (const data::Segment& segment : left) {
    pixels[static_cast<std::uint16_t>(segment.class_index)] += segment.area;
  }
  target.segments = std::move(left);
  target.histogram = histogram_of(pixels);
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
