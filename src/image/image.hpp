// The two pictures that everything passes around: 8-bit interleaved colour, and a map of labels. Values, copied and moved freely.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace muster::image {

// Rows from the top, pixels from the left, channels interleaved: pixels[(y * width + x) * channels + c].
struct Image {
  int height = 0;
  int width = 0;
  int channels = 3;
  std::vector<std::uint8_t> pixels;

  Image() = default;
  // Black.
  Image(int rows, int columns, int depth = 3)
      : height(rows), width(columns), channels(depth), pixels(static_cast<std::size_t>(rows) * static_cast<std::size_t>(columns * depth)) {}

  std::size_t row_bytes() const noexcept { return static_cast<std::size_t>(width) * static_cast<std::size_t>(channels); }
  std::uint8_t* row(int y) noexcept { return pixels.data() + static_cast<std::size_t>(y) * row_bytes(); }
  const std::uint8_t* row(int y) const noexcept { return pixels.data() + static_cast<std::size_t>(y) * row_bytes(); }
  bool operator==(const Image&) const = default;
};

// values[y * width + x]; what a value means is the owner's business (dense class index, class id, segment).
struct LabelMap {
  int height = 0;
  int width = 0;
  std::vector<std::uint16_t> values;

  LabelMap() = default;
  LabelMap(int rows, int columns, std::uint16_t value = 0)
      : height(rows), width(columns), values(static_cast<std::size_t>(rows) * static_cast<std::size_t>(columns), value) {}

  std::uint16_t* row(int y) noexcept { return values.data() + static_cast<std::size_t>(y) * static_cast<std::size_t>(width); }
  const std::uint16_t* row(int y) const noexcept { return values.data() + static_cast<std::size_t>(y) * static_cast<std::size_t>(width); }
  bool operator==(const LabelMap&) const = default;
};

}  // namespace muster::image
