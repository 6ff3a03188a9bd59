// Loops over the channels of one pixel in packs of 32 bytes, for functions marked MUSTER_FUSED_VECTORS: everything here is inlined
// into them, and so compiled for their instruction set.
#pragma once

#include <cstddef>
#include <cstdint>

namespace muster::model {

// 32 bytes of T side by side, which the compiler turns into one AVX2 register or two of SSE2. Accessed through pack(), since
// vectors passed by value would differ between the two.
template <class T>
struct PackOf {
  typedef T type __attribute__((vector_size(32), aligned(alignof(T)), may_alias));
};
template <class V, class T>
[[gnu::always_inline]] inline V& pack(T* values) {
  return *reinterpret_cast<V*>(values);
}
template <class V, class T>
[[gnu::always_inline]] inline const V& pack(const T* values) {
  return *reinterpret_cast<const V*>(values);
}

// Calls step for two packs of channels at a time, then for single channels: step(d, type of element).
template <class T, class Step>
[[gnu::always_inline]] inline void for_each_channel(std::int64_t dim, const Step& step) {
  using V = typename PackOf<T>::type;
  constexpr std::int64_t kTwoPacks = 2 * static_cast<std::int64_t>(sizeof(V) / sizeof(T));
  std::int64_t d = 0;
  for (; d + kTwoPacks <= dim; d += kTwoPacks) {
    step(d, V());
    step(d + kTwoPacks / 2, V());
  }
  for (; d < dim; ++d) {
    step(d, T());
  }
}

// Adds of(d) over channels: packs side by side, then their lanes one after the other.
template <class T, class Of>
[[gnu::always_inline]] inline T sum_over_channels(std::int64_t dim, const Of& of) {
  using V = typename PackOf<T>::type;
  constexpr std::int64_t kLanes = static_cast<std::int64_t>(sizeof(V) / sizeof(T));
  V even{}, odd{};
  std::int64_t d = 0;
  for (; d + 2 * kLanes <= dim; d += 2 * kLanes) {
    of(d, even);
    of(d + kLanes, odd);
  }
  even += odd;
  T sum = 0;
  for (std::int64_t lane = 0; lane < kLanes; ++lane) {
    sum += even[lane];
  }
  for (; d < dim; ++d) {
    of(d, sum);
  }
  return sum;
}

}  // namespace muster::model
