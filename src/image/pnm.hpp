// PBM, PGM and PPM, read by hand: P1 to P3 as text, P4 with bits, P5 and P6 with samples of 8 bits, or 16 big-endian.
//
// A bitmap is read as a grey picture of one bit: ink (1) is black, so 0, and paper is 1.
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
