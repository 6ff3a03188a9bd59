// WebP through libwebp and libwebpdemux.
//
// A still picture is stored and decoded as it is. Of an animation the first frame counts, laid on its canvas, where pixels that the frame
// does not cover are black: what PIL's Image.open(...).convert("RGB") gives. It is stored as PNG (ImageInfo says codec kNone), so that
// shards do not carry frames that nobody reads.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "image/decode.hpp"
#include "image/raw_image.hpp"

namespace muster::image {

// The orientation stands in a chunk behind the pixels: where the file says that there is one, a beginning without it is a DataError.
ImageInfo probe_webp(std::span<const std::byte> bytes, std::string_view where);

// Alpha dropped, chroma smoothed, as Pillow decodes.
Image decode_webp(std::span<const std::byte> bytes, std::string_view where);

// The same pixels, with alpha where there is any.
RawImage read_webp(std::span<const std::byte> bytes, std::string_view where);

}  // namespace muster::image
