// BMP, read by hand: 1 to 8 bits with a palette (plain, RLE4, RLE8), 16 and 32 bits with masks, 24 bits; top-down or bottom-up.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "image/decode.hpp"
#include "image/raw_image.hpp"

namespace muster::image {

ImageInfo probe_bmp(std::span<const std::byte> bytes, std::string_view where);

// Indices with their palette, or colours of 8 bits. A channel of n bits becomes v * 255 / (2^n - 1), rounded down, as Pillow does it.
RawImage read_bmp(std::span<const std::byte> bytes, std::string_view where);

}  // namespace muster::image
