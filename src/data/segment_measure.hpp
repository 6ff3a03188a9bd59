// Segments from the map that holds them: area, box, which are there at all, and the classes they make up.
#pragma once

#include <span>
#include <vector>

#include "data/segment.hpp"
#include "data/shard_writer.hpp"
#include "image/image.hpp"

namespace muster::data {

// `map` holds the value k + 1 in the pixels of segments[k], 0 in all others. Sets area and bbox of each; a segment without pixels gets
// area 0 and a box of zeros. InvariantError for a larger value. Any thread.
void measure_segments(const image::LabelMap& map, std::span<Segment> segments);

// The same, and takes segments without pixels out; the values of `map` follow the new positions.
void keep_segments_with_pixels(image::LabelMap& map, std::vector<Segment>& segments);

// Pixels by class, ascending.
std::vector<ClassPixels> class_histogram(std::span<const Segment> segments);

}  // namespace muster::data
