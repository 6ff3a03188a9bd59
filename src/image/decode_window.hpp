// From stored bytes to the part of a picture that a crop shows.
//
// Of a baseline JPEG only that part goes through the inverse transform and the colour conversion, and nothing behind it is read at all;
// what comes out equals that part of decode_rgb() bit for bit. Progressive and multi-scan JPEGs, unusual subsamplings and every other
// format are decoded whole and cut. All functions are pure; any thread.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "image/image.hpp"
#include "image/resize.hpp"

namespace muster::image {

// `window` of the picture as stored, before any orientation, which must be height x width pixels large: DataError naming `where`
// otherwise, and for damage, though only where the window lets it be seen. InvariantError for a window that does not lie in it.
// `out` becomes window.height x window.width; its memory is used again.
void decode_rgb_window(std::span<const std::byte> bytes, int height, int width, const Window& window, Image& out, std::string_view where);

// The window of the stored picture, height x width, that an EXIF orientation (1..8) turns into `upright` of the upright one.
Window stored_window(const Window& upright, int exif, int height, int width);

}  // namespace muster::image
