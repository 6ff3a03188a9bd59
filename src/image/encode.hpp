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

// As stored, for a lossless change of format: 8 or 16 bits a channel (fewer are not written). Palettes are not.
std::vector<std::byte> encode_png_raw(const RawImage& raw);

// Three channels, 4:2:0, baseline; quality 1..100.
std::vector<std::byte> encode_jpeg(const Image& image, int quality);

}  // namespace muster::image
