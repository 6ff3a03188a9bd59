// From the PNG of a COCO panoptic annotation to local segment indices.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "data/segment.hpp"
#include "image/image.hpp"

namespace muster::pack {

struct SegmentMask {
  image::LabelMap map;                  // 1 + position in `segments`, 0 = void
  std::vector<data::Segment> segments;  // with the areas and boxes of their pixels
};

// `stated`: what the annotation says of its segments, whose ids differ; those without pixels are left out. `where`: the mask's file.
// `annotations`: the JSON file's name, for messages. DataError for what is damaged or no 8-bit RGB PNG, UndeclaredValueError for ids that
// no segment has. Any thread.
SegmentMask decode_segment_png(std::span<const std::byte> png, std::vector<data::Segment> stated, const std::string& where,
                               const std::string& annotations);

}  // namespace muster::pack
