// What a camera or an editor wrote beside the pixels, taken out without touching them (strip_metadata=true).
#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include "image/codec.hpp"

namespace muster::pack {

// JPEG: APP1 to APP15 except Adobe's APP14, which says how colours are coded; COM; thumbnails of APP0; what follows the end of the image.
// PNG: all ancillary chunks except those that say what colours mean (tRNS gAMA cHRM sRGB sBIT bKGD pHYs); what follows IEND.
// WebP: ICC profile, EXIF, XMP and chunks that are not known; animations stay as they are.
// The decoded pixels stay the same; the EXIF orientation goes, so that whoever calls keeps it elsewhere. Bytes of another kind come back as
// they are. DataError naming `where` for a file whose parts do not fit together. Any thread.
std::vector<std::byte> strip_metadata(std::span<const std::byte> bytes, image::Codec codec, std::string_view where);

}  // namespace muster::pack
