// JPEG through libjpeg-turbo. Declared apart from decode.hpp, which is what other modules use.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "image/decode.hpp"

namespace muster::image {

ImageInfo probe_jpeg(std::span<const std::byte> bytes, std::string_view where);

// Exact (ISLOW) inverse transform and smooth chroma, as Pillow and OpenCV decode.
Image decode_jpeg(std::span<const std::byte> bytes, std::string_view where);

}  // namespace muster::image
