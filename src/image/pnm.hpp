// Binary PGM (P5) and PPM (P6), read by hand: a header of four words, then samples of 8 bits, or 16 big-endian.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "image/decode.hpp"
#include "image/raw_image.hpp"

namespace muster::image {

ImageInfo probe_pnm(std::span<const std::byte> bytes, std::string_view where);
RawImage read_pnm(std::span<const std::byte> bytes, std::string_view where);

}  // namespace muster::image
