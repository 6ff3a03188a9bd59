// A sum of non-negative doubles without rounding, so that it does not depend on order, threads or sharding (CONTRACTS 5).
//
// A fixed-point number that spans every double: digit i has the weight 2^(32 i - 1074). A double touches three digits;
// digits keep carries in the upper half of 64 bits until carry() moves them on. Two sums are added digit by digit, also
// as int64 or (after carry) as double all-reduce. Source: Kulisch & Miranker 1986, "The arithmetic of the digital
// computer: a new approach", SIAM Review 28(1), the long accumulator.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#include "ops/host_device.hpp"

namespace muster::ops {

inline constexpr int kSumDigits = 69;                // 2098 bits of a double's range, and 2^48 terms above them
inline constexpr int kSumNonFinite = kSumDigits;     // the word behind the digits counts terms that were inf or NaN
inline constexpr int kSumWords = kSumNonFinite + 1;  // int64 words of an accumulator

struct SumTerm {
  int digit = 0;  // of parts[0]
  std::int64_t parts[3] = {0, 0, 0};
};

// Cuts a finite x >= 0 into three 32-bit digits.
MUSTER_HOST_DEVICE inline SumTerm sum_term(double x) {
  std::uint64_t bits = 0;
  memcpy(&bits, &x, sizeof(bits));
  const int exponent = static_cast<int>(bits >> 52U & 0x7FFU);
  std::uint64_t mantissa = bits & 0xFFFFFFFFFFFFFU;
  if (exponent > 0) {
    mantissa |= 1ULL << 52U;
  }
  const int position = exponent > 0 ? exponent - 1 : 0;  // of the mantissa's lowest bit, above 2^-1074
  const int shift = position % 32;
  const std::uint64_t low = mantissa << static_cast<unsigned>(shift);
  const std::uint64_t high = shift > 0 ? mantissa >> static_cast<unsigned>(64 - shift) : 0;
  return {.digit = position / 32,
          .parts = {static_cast<std::int64_t>(low & 0xFFFFFFFFU), static_cast<std::int64_t>(low >> 32U), static_cast<std::int64_t>(high)}};
}

// At most 2^30 times between two carries.
MUSTER_HOST_DEVICE inline void sum_add(std::int64_t* words, double x) {
  if (!(x <= 1.7976931348623157e308)) {  // inf or NaN
    ++words[kSumNonFinite];
    return;
  }
  const SumTerm term = sum_term(x);
  for (int i = 0; i < 3; ++i) {
    words[term.digit + i] += term.parts[i];
  }
}

// Leaves every digit below 2^32.
MUSTER_HOST_DEVICE inline void sum_carry(std::int64_t* words) {
  std::int64_t carry = 0;
  for (int i = 0; i < kSumDigits; ++i) {
    const std::int64_t total = words[i] + carry;
    words[i] = total & 0xFFFFFFFF;
    carry = total >> 32;
  }
}

// The sum as a double, off by at most one unit in the last place; inf when a term was not finite. Carries first.
MUSTER_HOST_DEVICE inline double sum_value(std::int64_t* words) {
  if (words[kSumNonFinite] != 0) {
    return HUGE_VAL;
  }
  sum_carry(words);
  int top = kSumDigits - 1;
  while (top > 2 && words[top] == 0) {
    --top;
  }
  const double value = (static_cast<double>(words[top]) * 4294967296.0 + static_cast<double>(words[top - 1])) * 4294967296.0 +
                       static_cast<double>(words[top - 2]);
  return ldexp(value, 32 * (top - 2) - 1074);
}

}  // namespace muster::ops
