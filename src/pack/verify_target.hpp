// The checks of verify() on a decoded mask: does it hold what the index says of it?
#pragma once

#include <cstddef>

#include "data/index_columns.hpp"
#include "image/image.hpp"

namespace muster::pack {

// A semantic mask: dense indices below `num_classes` or void, and of each class the pixels that the histogram lists. DataError.
void check_class_mask(const image::LabelMap& labels, const data::IndexColumns& columns, std::size_t i, std::size_t num_classes);

// A panoptic mask: of each segment the area and the smallest box that its row says, and the class histogram as the segments sum up.
// DataError naming the segment by its original id.
void check_segment_mask(const image::LabelMap& segments, const data::IndexColumns& columns, std::size_t i, std::size_t num_classes);

}  // namespace muster::pack
