#include "data/segment_measure.hpp"

#include <algorithm>
#include <map>

#include "core/error.hpp"

namespace muster::data {

void measure_segments(const image::LabelMap& map, std::span<Segment> segments) {
  struct Extent {
    int left = 0, right = -1;
    int top = 0, bottom = -1;
    std::uint32_t area = 0;
  };
  const auto largest = std::ranges::max_element(map.values);
  check(largest == map.values.end() || *largest <= segments.size(), "measure_segments: the value {} among {} segments",
        largest == map.values.end() ? 0 : *largest, segments.size());
  std::vector<Extent> extents(segments.size() + 1);  // by value; void has one too, which saves a branch per pixel
  for (Extent& extent : extents) {
    extent.left = map.width;
  }
  for (int y = 0; y < map.height; ++y) {
    const std::uint16_t* row = map.row(y);
    for (int x = 0; x < map.width; ++x) {
      Extent& extent = extents[row[x]];
      extent.top = extent.area == 0 ? y : extent.top;
      extent.bottom = y;
      extent.left = std::min(extent.left, x);
      extent.right = std::max(extent.right, x);
      ++extent.area;
    }
  }
  for (std::size_t k = 0; k < segments.size(); ++k) {
    const Extent& extent = extents[k + 1];
    segments[k].area = extent.area;
    segments[k].bbox = {};
    if (extent.area > 0) {
      segments[k].bbox = {extent.left, extent.top, extent.right - extent.left + 1, extent.bottom - extent.top + 1};
    }
  }
}

void keep_segments_with_pixels(image::LabelMap& map, std::vector<Segment>& segments) {
  measure_segments(map, segments);
  std::vector<std::uint16_t> new_value(segments.size() + 1);
  std::vector<Segment> kept;
  for (std::size_t k = 0; k < segments.size(); ++k) {
    if (segments[k].area > 0) {
      kept.push_back(segments[k]);
      new_value[k + 1] = static_cast<std::uint16_t>(kept.size());
    }
  }
  if (kept.size() < segments.size()) {
    std::ranges::transform(map.values, map.values.begin(), [&new_value](std::uint16_t value) { return new_value[value]; });
    segments = std::move(kept);
  }
}

std::vector<ClassPixels> class_histogram(std::span<const Segment> segments) {
  std::map<std::uint16_t, std::uint32_t> pixels;
  for (const Segment& segment : segments) {
    pixels[static_cast<std::uint16_t>(segment.class_index)] += segment.area;
  }
  std::vector<ClassPixels> histogram;
  for (const auto& [index, count] : pixels) {
    histogram.push_back({.class_index = index, .pixels = count});
  }
  return histogram;
}

}  // namespace muster::data
