// Which source pixels a new one is made of, and how much of each. Declared apart from resize.hpp, which is what other modules use.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "image/resize.hpp"

namespace muster::image {

inline constexpr int kWeightBits = 22;  // 32 - 8 for the pixel - 2 for sums of a bicubic kernel, which overshoots
inline constexpr std::int32_t kHalfWeight = 1 << (kWeightBits - 1);
inline constexpr int kLowBits = 11;  // weight = high * 2^11 + low: halves that fit 16 bits, for instructions that multiply such

// One axis: a line of `new_size` pixels made from [low, high) of a line of `old_size`.
struct AxisScale {
  int old_size = 0;
  float low = 0;
  float high = 0;
  int new_size = 0;
  Filter filter = Filter::kBilinear;

  bool changes_nothing() const noexcept { return new_size == old_size && low == 0 && high == static_cast<float>(new_size); }
};

// Source pixels [first, end) of new pixel `i`. Both bounds never fall as i grows.
struct Taps {
  int first;
  int end;
};
Taps taps_of(const AxisScale& scale, int i);

// For new pixels [offset, offset + count): the first source pixel, how many, and their weights. Meant to be made anew in place, again
// and again, without taking memory.
struct Kernel {
  int taps = 0;                       // places of a new pixel in `weights`: a multiple of 4, zeros behind its length
  std::vector<int> first;             // in the line of source pixels that starts at `origin`
  std::vector<int> length;            // > 0
  std::vector<std::int32_t> weights;  // count x taps
  std::vector<std::int16_t> high;     // count x taps
  std::vector<std::int16_t> low;      // count x taps, 0 .. 2^11 - 1
  std::vector<double> exact;          // of one new pixel, while it is made

  void make(const AxisScale& scale, int offset, int count, int origin);

  int count() const noexcept { return static_cast<int>(first.size()); }
  std::size_t place(int i) const noexcept { return static_cast<std::size_t>(i) * static_cast<std::size_t>(taps); }
};

}  // namespace muster::image
