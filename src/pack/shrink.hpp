// max_side: samples stored smaller than their sources.
#pragma once

#include <cstdint>

#include "data/class_list.hpp"
#include "pack/split_source.hpp"

namespace muster::pack {

struct Extent {
  int height = 0;
  int width = 0;
  bool operator==(const Extent&) const = default;
};

// The size whose longer side is `max_side`, the other one in proportion, rounded, at least 1; the same size when it is small enough or
// max_side is 0.
Extent shrunk(const Extent& size, std::int64_t max_side);

// A target of `from`, which encode() gave, for an image of `to`: each pixel takes the label under its centre. Classes and segments that
// have no pixel left go; areas, boxes and histogram are counted again. `segments`: the mask holds local segment indices. Any thread.
EncodedTarget shrink_target(EncodedTarget target, const Extent& from, const Extent& to, bool segments);

}  // namespace muster::pack
