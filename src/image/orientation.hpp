// Turning a stored image upright by its EXIF orientation.
//
//   1 as it is            2 mirrored left-right    3 turned by 180        4 mirrored top-bottom
//   5 transposed          6 turned 90 clockwise    7 transposed across    8 turned 90 counter-clockwise
#pragma once

#include "image/image.hpp"

namespace muster::image {

// 5 to 8 exchange height and width.
constexpr bool swaps_sides(int exif) noexcept {
  return exif >= 5;
}

// `exif` is 1..8, else InvariantError.
Image apply_orientation(Image image, int exif);
LabelMap apply_orientation(LabelMap labels, int exif);

}  // namespace muster::image
