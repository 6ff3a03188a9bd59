// Area and box of segments, from the map that holds them.
#pragma once

#include <span>

#include "data/segment.hpp"
#include "image/image.hpp"

namespace muster::data {

// `map` holds the value k + 1 in the pixels of segments[k], 0 in all others. Sets area and bbox of each; a segment without pixels gets
// area 0 and a box of zeros. InvariantError for a larger value. Any thread.
void measure_segments(const image::LabelMap& map, std::span<Segment> segments);

}  // namespace muster::data
