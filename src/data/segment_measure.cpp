#include "data/segment_measure.hpp"

#include <algorithm>
#include <vector>

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

}  // namespace muster::data
