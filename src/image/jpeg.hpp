// JPEG through libjpeg-turbo. Declared apart from decode.hpp, which is what other modules use.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "image/decode.hpp"
#include "image/resize.hpp"

namespace muster::image {

ImageInfo probe_jpeg(std::span<const std::byte> bytes, std::string_view where);

// Exact (ISLOW) inverse transform and smooth chroma, as Pillow and OpenCV decode.
Image decode_jpeg(std::span<const std::byte> bytes, std::string_view where);

// decode_rgb_window() for a JPEG that can be decoded in part; false, with `out` untouched, for one that cannot.
bool decode_jpeg_window(std::span<const std::byte> bytes, int height, int width, const Window& window, Image& out, std::string_view where);

// DataError when a stored image does not have the size that the index says.
void check_stored_size(int found_height, int found_width, int height, int width, std::string_view where);

}  // namespace muster::image
