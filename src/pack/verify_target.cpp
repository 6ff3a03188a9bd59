#include "pack/verify_target.hpp"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include <fmt/ranges.h>

#include "core/error.hpp"
#include "pack/class_file.hpp"

namespace muster::pack {

namespace {

using data::IndexColumns;

// Pixels by dense index against the histogram of row i. The counts are used up.
void check_histogram(std::vector<std::uint64_t> counts, const IndexColumns& c, std::size_t i) {
  for (std::uint64_t entry = c.class_ptr[i]; entry < c.class_ptr[i + 1]; ++entry) {
    const std::size_t dense = c.class_id[entry];
    if (dense >= counts.size() || std::exchange(counts[dense], 0) != c.class_pixels[entry]) {
      throw DataError("class index {} does not have the {} pixels that the index says", dense, c.class_pixels[entry]);
    }
  }
  for (std::size_t dense = 0; dense < counts.size(); ++dense) {
    if (counts[dense] != 0) {
      throw DataError("class index {} has {} pixels that the index does not list", dense, counts[dense]);
    }
  }
}

// The smallest box around the pixels of one segment, and their number.
struct SegmentExtent {
  int left = 0, top = 0, right = -1, bottom = -1;
  std::uint32_t area = 0;

  void add(int y, int x) {
    if (area++ == 0) {
      left = right = x;
      top = bottom = y;
      return;
    }
    left = std::min(left, x);
    right = std::max(right, x);
    bottom = y;  // rows come from the top
  }
  std::array<std::int32_t, 4> box() const { return {left, top, right - left + 1, bottom - top + 1}; }
};

}  // namespace

void check_class_mask(const image::LabelMap& labels, const IndexColumns& columns, std::size_t i, std::size_t num_classes) {
  std::vector<std::uint64_t> counts(num_classes);
  for (const std::uint16_t label : labels.values) {
    if (label == kVoid) {
      continue;
    }
    if (label >= num_classes) {
      throw DataError("the mask holds the index {}, but there are {} classes", label, num_classes);
    }
    ++counts[label];
  }
  check_histogram(std::move(counts), columns, i);
}

void check_segment_mask(const image::LabelMap& mask, const IndexColumns& columns, std::size_t i, std::size_t num_classes) {
  const std::vector<data::Segment> segments = data::segments_of(columns, i);
  std::vector<SegmentExtent> extents(segments.size());
  for (int y = 0; y < mask.height; ++y) {
    for (int x = 0; x < mask.width; ++x) {
      const std::uint16_t value = mask.row(y)[x];
      if (value > segments.size()) {
        throw DataError("the mask holds segment {}, but the sample has {} segments", value, segments.size());
      }
      if (value > 0) {
        extents[value - 1u].add(y, x);
      }
    }
  }
  std::vector<std::uint64_t> counts(num_classes);
  for (std::size_t s = 0; s < segments.size(); ++s) {
    const data::Segment& told = segments[s];
    const SegmentExtent& seen = extents[s];
    if (told.class_index < 0 || static_cast<std::size_t>(told.class_index) >= num_classes) {
      throw DataError("segment {} has the class index {}, but there are {} classes", told.original_id, told.class_index, num_classes);
    }
    if (seen.area != told.area || seen.box() != told.bbox) {
      throw DataError("segment {} has {} pixels in the box [{}], the index says {} in [{}]", told.original_id, seen.area,
                      fmt::join(seen.box(), ", "), told.area, fmt::join(told.bbox, ", "));
    }
    counts[static_cast<std::size_t>(told.class_index)] += seen.area;
  }
  check_histogram(std::move(counts), columns, i);
}

}  // namespace muster::pack
