#include "core/random.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include "core/error.hpp"

namespace muster {
namespace {

using Words = std::array<std::uint32_t, 4>;

// Known answers of the Random123 library (kat_vectors: philox4x32 10).
TEST(Philox, GivesTheKnownAnswers) {
  EXPECT_EQ(philox4x32_10({0, 0, 0, 0}, {0, 0}), (Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox4x32_10({~0u, ~0u, ~0u, ~0u}, {~0u, ~0u}), (Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox4x32_10({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(RandomSequence, ValueIIsWordIMod4OfCounterIDiv4) {
  const RandomSequence sequence(7, RandomStream::kPoints, 3, 11, 5);
  const Words second = philox4x32_10({1, 3, 11, 5}, {7, 4});
  for (std::uint64_t i = 0; i < 4; ++i) {
    EXPECT_EQ(sequence.bits(4 + i), second[i]);
    EXPECT_EQ(sequence.uniform(4 + i), static_cast<float>(second[i] >> 8) * 0x1p-24f);  // the same value in fp32 and fp64
  }
}

TEST(RandomSequence, GivesManyUniformsAsItGivesOne) {
  const RandomSequence sequence(7, RandomStream::kPoints, 3, 11, 5);
  for (const std::uint64_t first : {0ULL, 1ULL, 6ULL, 64ULL}) {
    for (const std::size_t count : {0U, 1U, 5U, 64U, 131U, 1000U}) {
      std::vector<float> many(count);
      sequence.uniforms(first, many);
      for (std::size_t i = 0; i < count; ++i) {
        ASSERT_EQ(many[i], sequence.uniform(first + i)) << "first=" << first << " count=" << count << " i=" << i;
      }
    }
  }
}

TEST(RandomSequence, GivesManyNormalsToTheLastBitAsItGivesOne) {
  const auto expect_equal = [](const RandomSequence& sequence, std::uint64_t first, double scale, std::size_t count) {
    std::vector<float> many(count);
    sequence.normals(first, scale, many);
    for (std::size_t i = 0; i < count; ++i) {
      const auto one = static_cast<float>(scale * sequence.normal(first + i));
      ASSERT_EQ(std::bit_cast<std::uint32_t>(many[i]), std::bit_cast<std::uint32_t>(one)) << "first=" << first << " i=" << i << " " << one;
    }
  };
  const RandomSequence sequence = RandomSequence::for_parameter(7, "backbone.cls_token");
  for (const std::uint64_t first : {0ULL, 1ULL, 7ULL, 256ULL}) {
    for (const std::size_t count : {0U, 1U, 5U, 256U, 257U, 1000U}) {
      expect_equal(sequence, first, 0.02, count);
    }
  }
  // Enough values that some lie so near the middle between two floats that the short way cannot tell.
  expect_equal(sequence, 1ULL << 31, 1, 1'000'000);
  expect_equal(RandomSequence::for_parameter(8, "queries.weight"), 0, -1e-6, 1'000'000);
}

TEST(RandomSequence, RefusesASeedOfMoreThan32Bits) {
  EXPECT_THROW(RandomSequence(1ULL << 32, RandomStream::kInit, 0, 0, 0), ConfigError);
  EXPECT_NO_THROW(RandomSequence(0xFFFFFFFFULL, RandomStream::kInit, 0, 0, 0));
}

TEST(RandomSequence, DependsOnEveryPartOfItsKeyAndCounter) {
  const auto first = [](std::uint64_t seed, RandomStream stream, std::uint32_t site, std::uint32_t sample, std::uint32_t step) {
    return RandomSequence(seed, stream, site, sample, step).bits(0);
  };
  std::vector<std::uint32_t> values{first(1, RandomStream::kAugment, 1, 1, 1), first(2, RandomStream::kAugment, 1, 1, 1),
                                    first(1, RandomStream::kRope, 1, 1, 1),    first(1, RandomStream::kAugment, 2, 1, 1),
                                    first(1, RandomStream::kAugment, 1, 2, 1), first(1, RandomStream::kAugment, 1, 1, 2)};
  std::sort(values.begin(), values.end());
  EXPECT_EQ(std::adjacent_find(values.begin(), values.end()), values.end());
}

TEST(RandomSequence, NormalsHaveMean0AndVariance1) {
  const RandomSequence sequence = RandomSequence::for_parameter(0, "queries.weight");
  constexpr int kCount = 20000;
  double sum = 0, squares = 0;
  for (int i = 0; i < kCount; ++i) {
    const double x = sequence.normal(i);
    sum += x;
    squares += x * x;
  }
  EXPECT_NEAR(sum / kCount, 0, 4 / std::sqrt(kCount));            // four standard errors
  EXPECT_NEAR(squares / kCount, 1, 4 * std::sqrt(2.0 / kCount));  // variance of x^2 is 2
}

TEST(RandomSequence, TruncatedNormalsStayInBoundsAndFollowTheDistribution) {
  const RandomSequence sequence = RandomSequence::for_parameter(0, "a");
  constexpr int kCount = 20000;
  constexpr double kBound = 2.0;
  int below_one = 0;
  for (int i = 0; i < kCount; ++i) {
    const double x = sequence.truncated_normal(i, kBound);
    ASSERT_LE(std::abs(x), kBound);
    below_one += x < 1.0;
  }
  const auto cdf = [](double x) { return 0.5 * std::erfc(-x / std::sqrt(2.0)); };
  const double expected = (cdf(1) - cdf(-kBound)) / (cdf(kBound) - cdf(-kBound));
  EXPECT_NEAR(static_cast<double>(below_one) / kCount, expected, 4 * std::sqrt(expected * (1 - expected) / kCount));
}

}  // namespace
}  // namespace muster
