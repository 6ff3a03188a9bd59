// TIFF and BigTIFF through libtiff: strips and tiles, interleaved and planar, 1 to 16 bits, grey (both senses), RGB, palette, CMYK, YCbCr,
// and every compression that libtiff was built with. Of several pages the first is read.
//
// Alpha is dropped as it is stored: where colours were multiplied by it, they show the picture over black.
// Source: TIFF 6.0 (Adobe, 1992), section 8 for tags, 21 for YCbCr.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "image/decode.hpp"
#include "image/raw_image.hpp"

namespace muster::image {

ImageInfo probe_tiff(std::span<const std::byte> bytes, std::string_view where);

// Inverted grey comes with 0 as black, CMYK as RGB, palettes as indices; palette entries of 16 bits lose their lower byte.
RawImage read_tiff(std::span<const std::byte> bytes, std::string_view where);

// Refuses pages that were compressed with loss.
RawImage read_tiff_for_labels(std::span<const std::byte> bytes, std::string_view where);

}  // namespace muster::image
