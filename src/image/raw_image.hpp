// Samples exactly as a lossless file stores them, before any rule turns them into colour or labels.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "image/image.hpp"

namespace muster::image {

struct RawImage {
  int height = 0;
  int width = 0;
  int channels = 0;     // 1 grey or palette, 2 grey + alpha, 3 RGB, 4 RGB + alpha
  int max_value = 255;  // 2^bit_depth - 1, or what a PNM header says
  bool has_palette = false;
  std::vector<std::array<std::uint8_t, 3>> palette;
  // [H, W, channels]; one of the two, by max_value <= 255
  std::vector<std::uint8_t> narrow;
  std::vector<std::uint16_t> wide;
};

// (value * to + from / 2) / from: `value` of 0..from on the scale 0..to, rounded.
constexpr std::uint32_t rescaled(std::uint32_t value, std::uint32_t from, std::uint32_t to) noexcept {
  return static_cast<std::uint32_t>((std::uint64_t{value} * to + from / 2) / from);
}

// The image rules of CONTRACTS 15. More than 8 bits go to 16 first and from there to 8, as they do when the image is stored as PNG in
// between. Throws DataError for an index outside of the palette.
Image rgb_of(RawImage raw, std::string_view where);

// Grey values or palette indices. Throws DataError for colour.
LabelMap labels_of(RawImage raw, std::string_view where);

}  // namespace muster::image
