// The two passes of a resize, a row at a time: plain loops for every processor, and AVX2, chosen once at start-up. Both give the same bits,
// since all of it is arithmetic of whole numbers. Declared apart from resize.hpp, which is what other modules use.
#pragma once

#include <cstddef>
#include <cstdint>

#include "image/resize_kernel.hpp"

namespace muster::image {

// Bytes behind a row that may be read, and behind a written one that may be overwritten.
inline constexpr std::size_t kRowSlack = 32;

struct ResizePasses {
  // `from`: the RGB row in which the kernel counts; `to`: kernel.count() RGB pixels. Both with kRowSlack behind them.
  void (*across)(const std::uint8_t* from, const Kernel& kernel, std::uint8_t* to);
  // Row `y` of the result, `count` bytes. `from`: the row that the kernel calls 0, of rows `stride` bytes apart, the last of which
  // has kRowSlack behind it. Writes `count` bytes and no more.
  void (*down)(const std::uint8_t* from, std::size_t stride, const Kernel& kernel, int y, std::uint8_t* to, std::size_t count);
};

ResizePasses plain_passes() noexcept;
// Null functions where the processor, or the compiler's target, has no AVX2.
ResizePasses avx2_passes() noexcept;
// The faster of the two.
const ResizePasses& resize_passes() noexcept;

}  // namespace muster::image
