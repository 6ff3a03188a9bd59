// What stands before the pixels of a BMP file.
//
// Source of the layout: Microsoft's BITMAPFILEHEADER, BITMAPCOREHEADER, BITMAPINFOHEADER, BITMAPV4HEADER and BITMAPV5HEADER
// (https://learn.microsoft.com/windows/win32/gdi/bitmap-header-types); the 52 and 56 byte forms are Adobe's. All numbers little-endian.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace muster::image {

enum class BmpPacking { kPlain, kRle4, kRle8 };

struct BmpHeader {
  int width = 0;
  int height = 0;
  bool top_down = false;  // else the first row in the file is the lowest
  int bits = 0;           // a pixel: 1, 2, 4, 8 (indices), 16, 24, 32
  BmpPacking packing = BmpPacking::kPlain;
  std::array<std::uint32_t, 4> masks{};  // which bits of 16 or 32 are red, green, blue, alpha; 0 = none
  std::size_t palette = 0;               // where it starts, of entries of `entry` bytes
  std::size_t colours = 0;
  std::size_t entry = 4;
  std::size_t pixels = 0;  // where they start

  bool indexed() const noexcept { return bits <= 8; }
};

// Throws DataError naming `where`. The palette and the pixels may lie behind the end of `bytes`.
BmpHeader read_bmp_header(std::span<const std::byte> bytes, std::string_view where);

}  // namespace muster::image
