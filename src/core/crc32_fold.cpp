// Gopal, Ozturk, Guilford et al., "Fast CRC Computation for Generic Polynomials Using PCLMULQDQ Instruction" (Intel, 2009), section 3:
// bytes that lie D bits further on may be replaced by their product with x^D modulo P. Sixteen bytes are two halves, each with a factor of
// its own. All is bit-reflected, as in zlib: a factor is x^n mod P, its bits turned round, shifted left by one.
#include "core/crc32_fold.hpp"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace muster {

#if defined(__x86_64__)

#define MUSTER_FOLD __attribute__((target("avx2,pclmul,vpclmulqdq")))

namespace {

// x^exponent mod P, reflected: bit 31 is x^0
constexpr std::uint64_t power_of_x(int exponent) {
  std::uint32_t power = 0x80000000U;
  for (int i = 0; i < exponent; ++i) {
    power = (power >> 1) ^ ((power & 1U) != 0 ? 0xEDB88320U : 0U);
  }
  return static_cast<std::uint64_t>(power) << 1;
}

// The factors that move 16 bytes on by `Bits`: of their first half and of their second.
template <int Bits>
struct Distance {
  static constexpr auto kFirst = static_cast<long long>(power_of_x(Bits + 32));
  static constexpr auto kSecond = static_cast<long long>(power_of_x(Bits - 32));
};

template <int Bits>
MUSTER_FOLD inline __m256i fold(__m256i value, __m256i onto) {
  const __m256i factors = _mm256_setr_epi64x(Distance<Bits>::kFirst, Distance<Bits>::kSecond, Distance<Bits>::kFirst, Distance<Bits>::kSecond);
  return _mm256_xor_si256(_mm256_xor_si256(_mm256_clmulepi64_epi128(value, factors, 0x00), onto), _mm256_clmulepi64_epi128(value, factors, 0x11));
}

// The bytes being folded, and where each is copied to as it is loaded, if anywhere.
template <bool kCopies>
struct Stream {
  const std::byte* next;
  std::byte* copy;

  MUSTER_FOLD __m256i load(std::size_t ahead = 0) const {
    const __m256i value = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(next + ahead));
    if constexpr (kCopies) {
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(copy + ahead), value);
    }
    return value;
  }
  MUSTER_FOLD __m128i load_16_bytes() const {
    const __m128i value = _mm_loadu_si128(reinterpret_cast<const __m128i*>(next));
    if constexpr (kCopies) {
      _mm_storeu_si128(reinterpret_cast<__m128i*>(copy), value);
    }
    return value;
  }
  void advance(std::size_t bytes) {
    next += bytes;
    if constexpr (kCopies) {
      copy += bytes;
    }
  }
};

MUSTER_FOLD inline __m128i fold_16_bytes(__m128i value, __m128i onto) {
  const __m128i factors = _mm_set_epi64x(Distance<128>::kSecond, Distance<128>::kFirst);
  return _mm_xor_si128(_mm_xor_si128(_mm_clmulepi64_si128(value, factors, 0x00), onto), _mm_clmulepi64_si128(value, factors, 0x11));
}

template <bool kCopies>
MUSTER_FOLD FoldedCrc32 fold_all(std::span<const std::byte> bytes, std::byte* copy) noexcept {
  constexpr std::size_t kRegisters = 8;
  constexpr std::size_t kTurn = kRegisters * 32;
  Stream<kCopies> stream{.next = bytes.data(), .copy = copy};
  const std::byte* const end = bytes.data() + bytes.size();
  const auto left = [&] { return static_cast<std::size_t>(end - stream.next); };
  __m256i sums[kRegisters];
  for (std::size_t i = 0; i < kRegisters; ++i) {
    sums[i] = stream.load(i * 32);
  }
  sums[0] = _mm256_xor_si256(sums[0], _mm256_setr_epi32(-1, 0, 0, 0, 0, 0, 0, 0));  // the register's start
  for (stream.advance(kTurn); left() >= kTurn; stream.advance(kTurn)) {
#pragma GCC unroll 8
    for (std::size_t i = 0; i < kRegisters; ++i) {
      sums[i] = fold<kTurn * 8>(sums[i], stream.load(i * 32));
    }
  }
  __m256i sum = sums[0];
  for (std::size_t i = 1; i < kRegisters; ++i) {
    sum = fold<256>(sum, sums[i]);
  }
  for (; left() >= 32; stream.advance(32)) {
    sum = fold<256>(sum, stream.load());
  }
  __m128i last = fold_16_bytes(_mm256_castsi256_si128(sum), _mm256_extracti128_si256(sum, 1));
  if (left() >= 16) {
    last = fold_16_bytes(last, stream.load_16_bytes());
    stream.advance(16);
  }
  FoldedCrc32 folded;
  _mm_store_si128(reinterpret_cast<__m128i*>(folded.rest), last);
  folded.consumed = bytes.size() - left();
  return folded;
}

}  // namespace

bool can_fold_crc32() noexcept {
  static const bool can = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("vpclmulqdq");
  return can;
}

FoldedCrc32 fold_crc32(std::span<const std::byte> bytes, std::byte* copy) noexcept {
  return copy == nullptr ? fold_all<false>(bytes, copy) : fold_all<true>(bytes, copy);
}

#else

bool can_fold_crc32() noexcept { return false; }
FoldedCrc32 fold_crc32(std::span<const std::byte>, std::byte*) noexcept { return {}; }

#endif

}  // namespace muster
