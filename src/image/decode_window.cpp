#include "image/decode_window.hpp"

#include <algorithm>

#include "core/error.hpp"
#include "image/decode.hpp"
#include "image/format.hpp"
#include "image/jpeg.hpp"

namespace muster::image {
namespace {

void cut_window(const Image& whole, const Window& window, Image& out) {
  out.height = window.height;
  out.width = window.width;
  out.channels = whole.channels;
  out.pixels.resize(static_cast<std::size_t>(window.height) * out.row_bytes());
  const auto channels = static_cast<std::size_t>(whole.channels);
  for (int y = 0; y < window.height; ++y) {
    std::copy_n(whole.row(window.top + y) + static_cast<std::size_t>(window.left) * channels, out.row_bytes(), out.row(y));
  }
}

}  // namespace

void decode_rgb_window(std::span<const std::byte> bytes, int height, int width, const Window& window, Image& out, std::string_view where) {
  check(window.top >= 0 && window.left >= 0 && window.height > 0 && window.width > 0 && window.height <= height - window.top &&
            window.width <= width - window.left,
        "decode_rgb_window: window {} {} {} {} of {} x {}", window.top, window.left, window.height, window.width, height, width);
  if (format_of(bytes) == Format::kJpeg && decode_jpeg_window(bytes, height, width, window, out, where)) {
    return;
  }
  const Image whole = decode_rgb(bytes, where);
  check_stored_size(whole.height, whole.width, height, width, where);
  cut_window(whole, window, out);
}

Window stored_window(const Window& upright, int exif, int height, int width) {
  check(exif >= 1 && exif <= 8, "stored_window: exif={}", exif);
  const bool transposed = exif >= 5;
  // Along the stored picture's own axes: 5 to 8 exchange rows and columns first, the rest is counting from the other end.
  Window stored = transposed ? Window{upright.left, upright.top, upright.width, upright.height} : upright;
  const bool from_bottom = exif == 3 || exif == 4 || exif == 6 || exif == 7;
  const bool from_right = exif == 2 || exif == 3 || exif == 7 || exif == 8;
  if (from_bottom) {
    stored.top = height - stored.top - stored.height;
  }
  if (from_right) {
    stored.left = width - stored.left - stored.width;
  }
  return stored;
}

}  // namespace muster::image
