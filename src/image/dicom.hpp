// DICOM, the first frame, as people look at it:
//
//   1. the stored bits of each word, with their sign;
//   2. Rescale Slope and Intercept (CT: Hounsfield units);
//   3. the first VOI window of the file; without one, its first VOI LUT; without either, the smallest to the largest value of the frame,
//      but 8 unsigned bits as they are; padding values do not count for that, and are as dark as the smallest;
//   4. MONOCHROME1 turned, so that large is bright.
// Grey comes with 16 bits, or 8 where the file has 8. RGB and YBR_FULL of 8 bits are read too. Uncompressed in any byte order, RLE,
// baseline JPEG and JPEG 2000; other transfer syntaxes are refused by name.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "image/decode.hpp"
#include "image/raw_image.hpp"

namespace muster::image {

// bit_depth: bits allocated.
ImageInfo probe_dicom(std::span<const std::byte> bytes, std::string_view where);
RawImage read_dicom(std::span<const std::byte> bytes, std::string_view where);

}  // namespace muster::image
