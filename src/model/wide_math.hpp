// Element-wise functions of the mask loss, written so that the compiler turns loops over them into vector instructions.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

// A function compiled twice, for AVX2 and for any x86-64, of which the machine picks one. Without fused multiply-add both
// give the same bits. Left out of sanitized builds, where the choice would run before the sanitizer is ready.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define MUSTER_WIDE_VECTORS __attribute__((target_clones("avx2", "default")))
#else
#define MUSTER_WIDE_VECTORS
#endif

namespace muster::model {

// e^x for x <= 0, to 2 ulp; 0 below -87. By 2^n e^r, n = round(x / ln 2), |r| <= ln 2 / 2, Taylor to the sixth power.
[[gnu::always_inline]] inline float exp_of_negative(float x) noexcept {
  constexpr float kRound = 12582912.0f;  // 1.5 * 2^23: adding it leaves the nearest whole number in the low bits
  const float clamped = x < -87.0f ? -87.0f : x;
  const float shifted = clamped * 1.44269504f + kRound;
  const float n = shifted - kRound;
  const float r = (clamped - n * 0.693359375f) + n * 2.12194440e-4f;  // ln 2 in two parts, the first exact times n
  const float r2 = r * r;
  const float series = (1.0f + r) + r2 * ((0.5f + r * 0.166666667f) + r2 * ((0.0416666667f + r * 0.00833333333f) + r2 * 0.00138888889f));
  // n is added to the exponent; what kRound put into the upper bits is shifted out.
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(series) + (std::bit_cast<std::uint32_t>(shifted) << 23);
  return x < -87.0f ? 0.0f : std::bit_cast<float>(bits);
}
inline double exp_of_negative(double x) noexcept {
  return std::exp(x);
}

}  // namespace muster::model
