// Many normal values at once. A model of 6.7 billion parameters is drawn in seconds instead of minutes, with the values that
// RandomSequence::normal() gives one by one.
//
// Logarithm and sine are evaluated here by polynomials that compilers turn into vector instructions, a little less exactly than by
// the C library. Both ends of the interval in which the library's result must lie are rounded to float; where they agree, that is
// the value, and where they do not (once in some hundred thousand) the library is asked. Ziv 1991, "Fast evaluation of elementary
// mathematical functions with correctly rounded last bit", ACM TOMS 17(3).
#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <numbers>

#include "core/random.hpp"

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define MUSTER_WIDE_VECTORS __attribute__((target_clones("arch=x86-64-v3", "default")))
#else
#define MUSTER_WIDE_VECTORS
#endif

namespace muster {
namespace {

constexpr std::size_t kBatch = 256;  // values

// Bound of what this file and the C library may differ by, in units of the radius. Each step errs by a few 2^-53; the largest
// part is the library's own argument 2 pi v, rounded at up to 2 pi.
constexpr double kUncertainty = 2e-14;

// log x for x in [2^-24, 1]: x = 2^e m with m in [sqrt(1/2), sqrt(2)), log m = 2 artanh((m - 1) / (m + 1)) as a series.
[[gnu::always_inline]] inline double log_below_one(double x) {
  constexpr std::uint64_t kSqrtHalf = 0x3FE6A09E667F3BCD, kOne = 0x3FF0000000000000, kMantissa = 0x000FFFFFFFFFFFFF;
  constexpr std::uint64_t kTwoTo52 = 0x4330000000000000;  // as the high bits of a double: whole numbers stand in the low ones
  const std::uint64_t shifted = std::bit_cast<std::uint64_t>(x) + (kOne - kSqrtHalf);
  const double exponent = std::bit_cast<double>((shifted >> 52) | kTwoTo52) - (0x1p52 + 1023);
  const double m = std::bit_cast<double>((shifted & kMantissa) + kSqrtHalf);
  const double s = (m - 1) / (m + 1), s2 = s * s;  // |s| < 0.1716, so that the first term left out is below 2^-53
  double series = 1.0 / 21;
  series = series * s2 + 1.0 / 19;
  series = series * s2 + 1.0 / 17;
  series = series * s2 + 1.0 / 15;
  series = series * s2 + 1.0 / 13;
  series = series * s2 + 1.0 / 11;
  series = series * s2 + 1.0 / 9;
  series = series * s2 + 1.0 / 7;
  series = series * s2 + 1.0 / 5;
  series = series * s2 + 1.0 / 3;
  return exponent * std::numbers::ln2 + (2 * s + 2 * s * s2 * series);
}

// cos(2 pi v) for v in [0, 1): with a the distance of v from the nearest whole number, sin(2 pi (1/4 - a)) by its series.
[[gnu::always_inline]] inline double cos_turns(double v) {
  const double a = std::min(v, 1 - v);
  const double t = 2 * std::numbers::pi * (0.25 - a), t2 = t * t;  // |t| <= pi / 2; the first term left out is below 2^-59
  double series = 1.0 / 51090942171709440000.0;                    // 1 / 21!
  series = series * t2 - 1.0 / 121645100408832000.0;
  series = series * t2 + 1.0 / 355687428096000.0;
  series = series * t2 - 1.0 / 1307674368000.0;
  series = series * t2 + 1.0 / 6227020800.0;
  series = series * t2 - 1.0 / 39916800.0;
  series = series * t2 + 1.0 / 362880.0;
  series = series * t2 - 1.0 / 5040.0;
  series = series * t2 + 1.0 / 120.0;
  series = series * t2 - 1.0 / 6.0;
  return t + t * t2 * series;
}

// scale * normal value i from uniforms 2 i and 2 i + 1, for a whole batch: the two ends, as floats.
MUSTER_WIDE_VECTORS void normal_intervals(const float* __restrict uniforms, double scale, float* __restrict low,
                                          float* __restrict high) noexcept {
  for (std::size_t i = 0; i < kBatch; ++i) {
    const double radius = scale * std::sqrt(-2 * log_below_one(1 - static_cast<double>(uniforms[2 * i])));
    const double value = radius * cos_turns(static_cast<double>(uniforms[2 * i + 1]));
    low[i] = static_cast<float>(value - kUncertainty * radius);
    high[i] = static_cast<float>(value + kUncertainty * radius);
  }
}

}  // namespace

void RandomSequence::normals(std::uint64_t first, double scale, std::span<float> out) const noexcept {
  std::array<float, 2 * kBatch> pairs;
  std::array<float, kBatch> low, high;
  for (std::size_t done = 0; done < out.size(); done += kBatch) {
    const std::size_t count = std::min(kBatch, out.size() - done);
    uniforms(2 * (first + done), pairs);  // of a last, short batch more than are used
    normal_intervals(pairs.data(), scale, low.data(), high.data());
    for (std::size_t i = 0; i < count; ++i) {
      const bool certain = low[i] == high[i] && low[i] != 0;  // the sign of a zero is left to the library
      out[done + i] = certain ? low[i] : static_cast<float>(scale * normal(first + done + i));
    }
  }
}

}  // namespace muster
