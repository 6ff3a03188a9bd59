// From the PNG of a COCO panoptic annotation to local segment indices.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "data/segment.hpp"
#include "image/image.hpp"
#include "pack/coco_panoptic.hpp"

namespace muster::pack {

struct SegmentMask {
  image::LabelMap map;                  // 1 + position in `segments`, 0 = void
  std::vector<data::Segment> segments;  // in the order of the annotation, those that have pixels; class_index is left at 0
  std::vector<std::size_t> rows;        // which of the annotation's segments each one is
};

// `stated`: the segments of the annotation, with ids that differ. `where`: the mask's file. `annotations`: the JSON file's name, for
// messages. DataError for what is damaged or no 8-bit RGB PNG, UndeclaredValueError for ids that no segment has. Any thread.
SegmentMask decode_segment_png(std::span<const std::byte> png, std::span<const CocoSegment> stated, const std::string& where,
                               const std::string& annotations);

}  // namespace muster::pack
