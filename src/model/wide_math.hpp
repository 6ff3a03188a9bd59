// Vectors of numbers for the inner loops of the mask loss: 32 bytes in the compiler's own vector type, which becomes one AVX2
// register, or two of SSE2. (GCC 12 does not vectorise these loops by itself: it makes branches of their choices.)
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

// A function compiled twice, for AVX2 and for any x86-64, of which the machine picks one. Without fused multiply-add both
// give the same bits. Left out of sanitized builds, where the choice would run before the sanitizer is ready.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define MUSTER_WIDE_VECTORS __attribute__((target_clones("avx2", "default")))
#else
#define MUSTER_WIDE_VECTORS
#endif

// How vectors would be passed to functions does not matter, since everything here is inlined. The warning comes where a
// template is used, so it stays off in the sources that include this.
#pragma GCC diagnostic ignored "-Wpsabi"

namespace muster::model {

template <class T>
struct Wide;
template <>
struct Wide<float> {
  using Values = float __attribute__((vector_size(32)));
  using Bits = std::int32_t __attribute__((vector_size(32)));
};
template <>
struct Wide<double> {
  using Values = double __attribute__((vector_size(32)));
  using Bits = std::int64_t __attribute__((vector_size(32)));
};
template <class T>
using Values = typename Wide<T>::Values;
template <class T>
inline constexpr std::size_t kWidth = 32 / sizeof(T);  // numbers in a vector

template <class T>
[[gnu::always_inline]] inline Values<T> load(const T* from) noexcept {
  Values<T> values;
  std::memcpy(&values, from, sizeof(values));
  return values;
}
template <class T>
[[gnu::always_inline]] inline void store(T* to, Values<T> values) noexcept {
  std::memcpy(to, &values, sizeof(values));
}

template <class T>
[[gnu::always_inline]] inline Values<T> magnitude(Values<T> x) noexcept {
  return x < 0 ? -x : x;
}
// max(x, 0); NaN stays NaN
template <class T>
[[gnu::always_inline]] inline Values<T> positive_part(Values<T> x) noexcept {
  return x < 0 ? x - x : x;
}

// e^x for x <= 0, to 2 ulp; 0 below -87.3. By 2^n e^r, n = round(x / ln 2), |r| <= ln 2 / 2, Taylor to the sixth power.
[[gnu::always_inline]] inline Values<float> exp_of_negative(Values<float> x) noexcept {
  using Bits = Wide<float>::Bits;
  constexpr float kRound = 12582912.0f;  // 1.5 * 2^23: adding it leaves the nearest whole number in the low bits
  const Values<float> shifted = x * 1.44269504f + kRound;
  const Values<float> n = shifted - kRound;
  const Values<float> r = (x - n * 0.693359375f) + n * 2.12194440e-4f;  // ln 2 in two parts, the first exact times n
  const Values<float> r2 = r * r;
  const Values<float> series =
      (1.0f + r) + r2 * ((0.5f + r * 0.166666667f) + r2 * ((0.0416666667f + r * 0.00833333333f) + r2 * 0.00138888889f));
  // n is added to the exponent; what kRound put into the upper bits is shifted out.
  const Bits bits = reinterpret_cast<Bits>(series) + (reinterpret_cast<Bits>(shifted) << 23);
  return reinterpret_cast<Values<float>>(bits & ~(shifted < kRound - 126.0f));
}
[[gnu::always_inline]] inline Values<double> exp_of_negative(Values<double> x) noexcept {
  Values<double> result;
  for (std::size_t i = 0; i < kWidth<double>; ++i) {
    result[i] = std::exp(x[i]);
  }
  return result;
}

// 1 / (1 + e^-x), given e = e^-|x|
template <class T>
[[gnu::always_inline]] inline Values<T> sigmoid_of(Values<T> x, Values<T> e) noexcept {
  const Values<T> one = Values<T>{} + 1;
  return (x < 0 ? e : one) / (1 + e);
}

}  // namespace muster::model
