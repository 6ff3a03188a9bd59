#include "ops/exact_sum.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

#include "core/random.hpp"

namespace muster::ops {
namespace {

using Words = std::array<std::int64_t, kSumWords>;

Words sum_of(const std::vector<double>& terms) {
  Words words{};
  for (const double term : terms) {
    sum_add(words.data(), term);
  }
  sum_carry(words.data());
  return words;
}

double value_of(const std::vector<double>& terms) {
  Words words = sum_of(terms);
  return sum_value(words.data());
}

TEST(ExactSum, GivesBackASingleTermOfAnySize) {
  const double smallest = std::numeric_limits<double>::denorm_min();
  for (const double term : {0.0, 1.0, 0.1, 1e-300, 3.5e-320, smallest, 1e300, std::numeric_limits<double>::max(), std::ldexp(1.0, 52)}) {
    EXPECT_EQ(value_of({term}), term);
  }
}

TEST(ExactSum, KeepsWhatDoublesWouldLose) {
  // One above 2^53 is rounded away by double, a thousand times over.
  std::vector<double> terms(1000, 1.0);
  terms.insert(terms.begin(), std::ldexp(1.0, 60));
  EXPECT_EQ(value_of(terms), std::ldexp(1.0, 60) + 1000.0 + 24.0);  // 2^60 + 1024: the double nearest to 2^60 + 1000
  EXPECT_EQ(value_of({1e300, 1e-300, 1.0}), 1e300);
}

TEST(ExactSum, DoesNotDependOnTheOrder) {
  std::vector<double> terms;
  const RandomSequence random(7, RandomStream::kInit, 0, 0, 0);
  for (std::uint64_t i = 0; i < 5000; ++i) {
    terms.push_back(std::ldexp(random.uniform(2 * i), static_cast<int>(random.bits(2 * i + 1) % 400) - 200));
  }
  const Words forward = sum_of(terms);
  std::reverse(terms.begin(), terms.end());
  EXPECT_EQ(sum_of(terms), forward);
  std::sort(terms.begin(), terms.end());
  EXPECT_EQ(sum_of(terms), forward);
}

TEST(ExactSum, AddsAcrossRanksDigitByDigit) {
  const std::vector<double> a{0.1, 0.7, 1e-9};
  const std::vector<double> b{123456.789, 1e20};
  Words sum = sum_of(a);
  const Words other = sum_of(b);
  for (int i = 0; i < kSumWords; ++i) {
    sum[i] += other[i];
  }
  sum_carry(sum.data());
  EXPECT_EQ(sum, sum_of({1e20, 0.1, 123456.789, 1e-9, 0.7}));
}

TEST(ExactSum, IsInfiniteWhenATermIsNot) {
  EXPECT_EQ(value_of({1.0, std::numeric_limits<double>::infinity()}), HUGE_VAL);
  EXPECT_EQ(value_of({std::nan(""), 2.0}), HUGE_VAL);
}

TEST(ExactSum, CarriesManyLargeTerms) {
  // 2^20 terms of the largest double / 2^21 are half of the largest double.
  const double term = std::ldexp(std::numeric_limits<double>::max(), -21);
  Words words{};
  for (int i = 0; i < 1 << 20; ++i) {
    sum_add(words.data(), term);
  }
  EXPECT_EQ(sum_value(words.data()), std::numeric_limits<double>::max() / 2);
}

}  // namespace
}  // namespace muster::ops
