// The words before the samples of a PNM file: the kind, width, height and, but for PBM, the largest value.
// Source: the manual pages pbm(5), pgm(5) and ppm(5) of Netpbm.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace muster::image {

struct PnmHeader {
  bool text = false;    // P1, P2, P3: samples as decimal numbers
  bool bitmap = false;  // P1, P4: one bit a pixel, 1 is black
  int channels = 0;
  int width = 0;
  int height = 0;
  int max_value = 0;     // 1 for a bitmap
  std::size_t data = 0;  // where the samples start

  std::size_t count() const {
    return static_cast<std::size_t>(width) * static_cast<std::size_t>(height) * static_cast<std::size_t>(channels);
  }
};

bool is_pnm_space(std::byte b) noexcept;

// The next number at or after `at`, which moves behind it; spaces are passed over, and so are comments, which run from # to the end of the
// line. DataError when there is none, or one larger than kMaxPixels.
int next_pnm_number(std::span<const std::byte> bytes, std::size_t& at, std::string_view where);

// Of P1 to P6, which format_of() has seen. Throws DataError naming `where`.
PnmHeader read_pnm_header(std::span<const std::byte> bytes, std::string_view where);

}  // namespace muster::image
