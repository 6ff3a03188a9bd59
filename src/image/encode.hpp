// From pixels to bytes of a file. Equal input gives equal bytes with the same libraries: no time, no name, fixed settings.
#pragma once

#include <cstddef>
#include <vector>

#include "image/image.hpp"
#include "image/raw_image.hpp"

namespace muster::image {

std::vector<std::byte> encode_png(const Image& image);

// One grey channel of 1, 2, 4, 8 or 16 bits. A value that does not fit is a bug of the caller: InvariantError.
std::vector<std::byte> encode_png_labels(const LabelMap& labels, int bit_depth);

// As stored, for a lossless change of format: 8 or 16 bits a channel, or 1, 2 or 4 of one channel (max_value 255, 65535, 1, 3, 15); a
// palette stays one, and an index outside of it is damage that the caller has looked for.
std::vector<std::byte> encode_png_raw(const RawImage& raw);

// Three channels, 4:2:0, baseline; quality 1..100.
std::vector<std::byte> encode_jpeg(const Image& image, int quality);

}  // namespace muster::image
