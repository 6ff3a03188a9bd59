#include "data/sample_order.hpp"

#include <vector>

#include <gtest/gtest.h>

#include "core/error.hpp"

namespace muster::data {
namespace {

std::vector<std::uint64_t> first(const SampleOrder& order, std::uint64_t count) {
  std::vector<std::uint64_t> samples;
  for (std::uint64_t p = 0; p < count; ++p) {
    samples.push_back(order(p));
  }
  return samples;
}

// Values of the specification, which fix the order for programs in any language.
TEST(SampleOrder, GivesTheGoldenValues) {
  using Samples = std::vector<std::uint64_t>;
  EXPECT_EQ(first(SampleOrder(10, 42, 0), 10), (Samples{0, 6, 2, 3, 5, 8, 7, 1, 4, 9}));
  EXPECT_EQ(first(SampleOrder(10, 42, 1), 10), (Samples{9, 7, 2, 1, 5, 4, 8, 3, 0, 6}));
  EXPECT_EQ(first(SampleOrder(1000, 42, 0), 10), (Samples{552, 857, 512, 643, 212, 994, 393, 9, 852, 16}));
  EXPECT_EQ(first(SampleOrder(1281167, 7, 3), 10),
            (Samples{507203, 886773, 857020, 522854, 136858, 1174913, 1166478, 842045, 550374, 118652}));
  EXPECT_EQ(SampleOrder(1281167, 7, 3)(403967), 0U);
}

TEST(SampleOrder, ShowsEverySampleOnceAndKnowsWhen) {
  for (const std::uint64_t n : {1U, 2U, 3U, 4U, 5U, 15U, 16U, 17U, 255U, 256U, 257U, 4097U}) {
    for (const std::uint64_t epoch : {0U, 1U, 7U}) {
      SCOPED_TRACE(testing::Message() << "n=" << n << " epoch=" << epoch);
      const SampleOrder order(n, 99, epoch);
      std::vector<int> seen(n, 0);
      for (std::uint64_t p = 0; p < n; ++p) {
        const std::uint64_t sample = order(p);
        ASSERT_LT(sample, n);
        ++seen[sample];
        EXPECT_EQ(order.position_of(sample), p);
      }
      EXPECT_EQ(seen, std::vector<int>(n, 1));
    }
  }
}

TEST(SampleOrder, DiffersBySeedEpochAndStream) {
  const auto reference = first(SampleOrder(1000, 1, 0), 20);
  EXPECT_NE(first(SampleOrder(1000, 2, 0), 20), reference);
  EXPECT_NE(first(SampleOrder(1000, 1, 1), 20), reference);
  EXPECT_NE(first(SampleOrder(1000, 1, 0, 1), 20), reference);
}

TEST(SampleOrder, WorksUpTo2To32Samples) {
  const std::uint64_t n = std::uint64_t{1} << 32;
  const SampleOrder order(n, 5, 0);
  for (const std::uint64_t p : {std::uint64_t{0}, std::uint64_t{123456789}, n - 1}) {
    EXPECT_LT(order(p), n);
    EXPECT_EQ(order.position_of(order(p)), p);
  }
}

TEST(SampleOrder, RefusesAPositionPastTheEnd) {
  EXPECT_THROW((void)SampleOrder(10, 0, 0)(10), InvariantError);
  EXPECT_THROW((void)SampleOrder(0, 0, 0)(0), InvariantError);
}

TEST(EpochPosition, CountsOverEpochs) {
  EXPECT_EQ(epoch_position(0, 7), (EpochPosition{0, 0}));
  EXPECT_EQ(epoch_position(20, 7), (EpochPosition{2, 6}));
}

}  // namespace
}  // namespace muster::data
