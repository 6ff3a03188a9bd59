#include "image/resize_passes.hpp"

#include <algorithm>
#include <array>

namespace muster::image {
namespace {

std::uint8_t byte_of_sum(std::int32_t sum) {
  return static_cast<std::uint8_t>(std::clamp(sum >> kWeightBits, 0, 255));
}

void blend_across(const std::uint8_t* from, const Kernel& kernel, std::uint8_t* to) {
  for (int x = 0; x < kernel.count(); ++x, to += 3) {
    const std::uint8_t* pixel = from + static_cast<std::size_t>(kernel.first[static_cast<std::size_t>(x)]) * 3;
    const std::int32_t* weights = kernel.weights.data() + kernel.place(x);
    std::int32_t red = kHalfWeight, green = kHalfWeight, blue = kHalfWeight;
    for (int t = 0; t < kernel.length[static_cast<std::size_t>(x)]; ++t, pixel += 3) {
      red += pixel[0] * weights[t];
      green += pixel[1] * weights[t];
      blue += pixel[2] * weights[t];
    }
    to[0] = byte_of_sum(red);
    to[1] = byte_of_sum(green);
    to[2] = byte_of_sum(blue);
  }
}

// In stretches that stay in the first-level cache.
void blend_down(const std::uint8_t* from, std::size_t stride, const Kernel& kernel, int y, std::uint8_t* to, std::size_t count) {
  constexpr std::size_t kStretch = 1024;
  std::array<std::int32_t, kStretch> sums;
  from += static_cast<std::size_t>(kernel.first[static_cast<std::size_t>(y)]) * stride;
  const std::int32_t* weights = kernel.weights.data() + kernel.place(y);
  const auto length = static_cast<std::size_t>(kernel.length[static_cast<std::size_t>(y)]);
  for (std::size_t begin = 0; begin < count; begin += kStretch) {
    const std::size_t here = std::min(kStretch, count - begin);
    std::fill_n(sums.begin(), here, kHalfWeight);
    for (std::size_t t = 0; t < length; ++t) {
      const std::uint8_t* row = from + t * stride + begin;
      for (std::size_t i = 0; i < here; ++i) {
        sums[i] += row[i] * weights[t];
      }
    }
    for (std::size_t i = 0; i < here; ++i) {
      to[begin + i] = byte_of_sum(sums[i]);
    }
  }
}

}  // namespace

ResizePasses plain_passes() noexcept {
  return {.across = blend_across, .down = blend_down};
}

const ResizePasses& resize_passes() noexcept {
  static const ResizePasses chosen = avx2_passes().across != nullptr ? avx2_passes() : plain_passes();
  return chosen;
}

}  // namespace muster::image
