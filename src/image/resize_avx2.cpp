// The passes of resize_passes.hpp with AVX2. A weight of 23 bits is taken as two halves of 11 and 12, so that one instruction (vpmaddwd)
// multiplies 16 pairs of 16 bits and adds them two by two; sums of both halves come together at the end, modulo 2^32 as in the plain loops.
#include "image/resize_passes.hpp"

#if defined(__x86_64__)
#include <cstring>

#include <immintrin.h>

#define MUSTER_AVX2 __attribute__((target("avx2")))

namespace muster::image {
namespace {

// 32-bit sums of both halves -> pixel values, unclipped
MUSTER_AVX2 inline __m256i value_of(__m256i high, __m256i low) {
  const __m256i sum = _mm256_add_epi32(_mm256_slli_epi32(high, kLowBits), low);
  return _mm256_srai_epi32(_mm256_add_epi32(sum, _mm256_set1_epi32(kHalfWeight)), kWeightBits);
}

// Four taps a turn. In the lower half of a register the taps 0 and 1, in the upper one 2 and 3, each as r0 r1 g0 g1 b0 b1 0 0.
MUSTER_AVX2 void blend_across(const std::uint8_t* from, const Kernel& kernel, std::uint8_t* to) {
  const __m256i pairs = _mm256_setr_epi8(0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1,  //
                                         6, -1, 9, -1, 7, -1, 10, -1, 8, -1, 11, -1, -1, -1, -1, -1);
  const __m256i spread = _mm256_setr_epi8(0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3,  //
                                          4, 5, 6, 7, 4, 5, 6, 7, 4, 5, 6, 7, 4, 5, 6, 7);
  const int* first = kernel.first.data();
  const int* length = kernel.length.data();
  const std::int16_t* high = kernel.high.data();
  const std::int16_t* low = kernel.low.data();
  const int count = kernel.count();
  const int taps = kernel.taps;
  for (int x = 0; x < count; ++x, high += taps, low += taps, to += 3) {
    const std::uint8_t* pixel = from + static_cast<std::size_t>(first[x]) * 3;
    __m256i sum_high = _mm256_setzero_si256();
    __m256i sum_low = _mm256_setzero_si256();
    for (int t = 0; t < length[x]; t += 4, pixel += 12) {
      const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(pixel));
      const __m256i colours = _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(bytes), pairs);
      const __m256i weights_high =
          _mm256_shuffle_epi8(_mm256_broadcastq_epi64(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(high + t))), spread);
      const __m256i weights_low =
          _mm256_shuffle_epi8(_mm256_broadcastq_epi64(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(low + t))), spread);
      sum_high = _mm256_add_epi32(sum_high, _mm256_madd_epi16(colours, weights_high));
      sum_low = _mm256_add_epi32(sum_low, _mm256_madd_epi16(colours, weights_low));
    }
    // Before the halving, since (a + b) >> k is not (a >> k) + (b >> k).
    const __m128i both_high = _mm_add_epi32(_mm256_castsi256_si128(sum_high), _mm256_extracti128_si256(sum_high, 1));
    const __m128i both_low = _mm_add_epi32(_mm256_castsi256_si128(sum_low), _mm256_extracti128_si256(sum_low, 1));
    const __m128i sum = _mm_add_epi32(_mm_add_epi32(_mm_slli_epi32(both_high, kLowBits), both_low), _mm_set1_epi32(kHalfWeight));
    const __m128i value = _mm_srai_epi32(sum, kWeightBits);
    const __m128i words = _mm_packs_epi32(value, value);
    const int packed = _mm_cvtsi128_si32(_mm_packus_epi16(words, words));
    std::memcpy(to, &packed, 4);  // one byte too many, which the next pixel overwrites
  }
}

// The 32-bit sums of 32 neighbouring bytes, in the order in which unpacking leaves them and packing takes them.
struct Sums {
  __m256i high[4];
  __m256i low[4];
};

MUSTER_AVX2 inline void add_pair(Sums& sums, int quarter, __m256i pixels, __m256i weights_high, __m256i weights_low) {
  sums.high[quarter] = _mm256_add_epi32(sums.high[quarter], _mm256_madd_epi16(pixels, weights_high));
  sums.low[quarter] = _mm256_add_epi32(sums.low[quarter], _mm256_madd_epi16(pixels, weights_low));
}

// 32 bytes of the result. Two rows a turn; the last of an odd number meets weights of zero.
MUSTER_AVX2 inline __m256i blend_32(const std::uint8_t* from, std::size_t stride, const std::int16_t* high, const std::int16_t* low,
                                    int length) {
  const __m256i zero = _mm256_setzero_si256();
  Sums sums = {{zero, zero, zero, zero}, {zero, zero, zero, zero}};
  for (int t = 0; t < length; t += 2, from += 2 * stride) {
    const __m256i upper = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
    const __m256i lower = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(t + 1 < length ? from + stride : from));
    int pair;
    std::memcpy(&pair, high + t, 4);
    const __m256i weights_high = _mm256_set1_epi32(pair);
    std::memcpy(&pair, low + t, 4);
    const __m256i weights_low = _mm256_set1_epi32(pair);
    const __m256i first = _mm256_unpacklo_epi8(upper, lower);
    const __m256i second = _mm256_unpackhi_epi8(upper, lower);
    add_pair(sums, 0, _mm256_unpacklo_epi8(first, zero), weights_high, weights_low);
    add_pair(sums, 1, _mm256_unpackhi_epi8(first, zero), weights_high, weights_low);
    add_pair(sums, 2, _mm256_unpacklo_epi8(second, zero), weights_high, weights_low);
    add_pair(sums, 3, _mm256_unpackhi_epi8(second, zero), weights_high, weights_low);
  }
  const __m256i first = _mm256_packs_epi32(value_of(sums.high[0], sums.low[0]), value_of(sums.high[1], sums.low[1]));
  const __m256i second = _mm256_packs_epi32(value_of(sums.high[2], sums.low[2]), value_of(sums.high[3], sums.low[3]));
  return _mm256_packus_epi16(first, second);
}

MUSTER_AVX2 void blend_down(const std::uint8_t* from, std::size_t stride, const Kernel& kernel, int y, std::uint8_t* to,
                            std::size_t count) {
  from += static_cast<std::size_t>(kernel.first[static_cast<std::size_t>(y)]) * stride;
  const std::int16_t* high = kernel.high.data() + kernel.place(y);
  const std::int16_t* low = kernel.low.data() + kernel.place(y);
  const int length = kernel.length[static_cast<std::size_t>(y)];
  std::size_t i = 0;
  for (; i + 32 <= count; i += 32) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + i), blend_32(from + i, stride, high, low, length));
  }
  if (i < count) {
    alignas(32) std::uint8_t rest[32];
    _mm256_store_si256(reinterpret_cast<__m256i*>(rest), blend_32(from + i, stride, high, low, length));
    std::memcpy(to + i, rest, count - i);
  }
}

}  // namespace

ResizePasses avx2_passes() noexcept {
  if (!__builtin_cpu_supports("avx2")) {
    return {};
  }
  return {.across = blend_across, .down = blend_down};
}

}  // namespace muster::image

#else

namespace muster::image {

ResizePasses avx2_passes() noexcept {
  return {};
}

}  // namespace muster::image

#endif
