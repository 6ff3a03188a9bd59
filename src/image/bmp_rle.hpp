// The run-length codes of BMP files, RLE4 and RLE8.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "image/bmp_header.hpp"
#include "image/raw_image.hpp"

namespace muster::image {

// Fills raw.narrow (all 0 before) with indices, rows as in the picture. `packed` runs to the end of the file. Pixels that the code jumps
// over stay 0. Throws DataError where the code ends before the picture does.
void unpack_bmp_runs(std::span<const std::byte> packed, const BmpHeader& bmp, RawImage& raw, std::string_view where);

}  // namespace muster::image
