#include "data/sample_weights.hpp"

#include <cmath>

#include <gtest/gtest.h>

#include "core/error.hpp"
#include "core/random.hpp"
#include "data/tiny_dataset.hpp"

namespace muster::data {
namespace {

constexpr std::uint32_t kFullWeight = 0xFFFFFFFF;

// Shares of `draws` draws from the table.
std::vector<double> frequencies(const std::vector<std::uint32_t>& weights, std::uint32_t draws) {
  const WeightedOrder order(weights, 5);
  std::vector<double> shares(weights.size());
  for (std::uint32_t position = 0; position < draws; ++position) {
    shares.at(order(position)) += 1.0 / draws;
  }
  return shares;
}

TEST(AliasTable, DrawsInProportionToTheWeights) {
  for (const std::vector<std::uint32_t>& weights : {std::vector<std::uint32_t>{7},
                                                    {1, 1},
                                                    {1, 2, 3, 4},
                                                    {kFullWeight, 0, kFullWeight / 2, 1},
                                                    {0, 0, 5, 0},
                                                    {kFullWeight, kFullWeight, kFullWeight},
                                                    {1, kFullWeight}}) {
    double sum = 0;
    for (const std::uint32_t weight : weights) {
      sum += weight;
    }
    constexpr std::uint32_t kDraws = 40000;
    const std::vector<double> shares = frequencies(weights, kDraws);
    for (std::size_t i = 0; i < weights.size(); ++i) {
      const double p = weights[i] / sum;
      EXPECT_NEAR(shares[i], p, 4.5 * std::sqrt(p * (1 - p) / kDraws) + 1e-9) << i;  // 4.5 standard deviations of a binomial
      EXPECT_TRUE(weights[i] > 0 || shares[i] == 0) << i;
    }
  }
}

// Not by luck: over all columns, the 2^32 tosses of a table add up to each entry's share.
TEST(AliasTable, HoldsEachEntryExactly) {
  std::vector<std::uint32_t> weights;
  double sum = 0;
  for (std::uint64_t i = 0; i < 1000; ++i) {
    weights.push_back(RandomSequence(1, RandomStream::kAugment, 0, 0, 0).bits(i) >> (i % 32));
    sum += weights.back();
  }
  const AliasTable table(weights);
  std::vector<double> held(weights.size());
  for (std::uint64_t column = 0; column < weights.size(); ++column) {
    const std::uint64_t random = ((column << 32) + 0x80000000) / weights.size();  // the middle of the column, of 32 bits
    const auto high = static_cast<std::uint32_t>(random);
    const std::uint32_t first = table.draw(high, 0, 0), last = table.draw(high, 0, kFullWeight);
    std::uint64_t low = 0, end = std::uint64_t{1} << 32;  // tosses below `low` give the first
    while (first != last && low < end) {
      const std::uint64_t middle = (low + end) / 2;
      if (table.draw(high, 0, static_cast<std::uint32_t>(middle)) == first) {
        low = middle + 1;
      } else {
        end = middle;
      }
    }
    const double part = first == last ? 1.0 : static_cast<double>(low) / 4294967296.0;
    held[first] += part;
    held[last] += 1.0 - part;
  }
  for (std::size_t i = 0; i < weights.size(); ++i) {
    EXPECT_NEAR(held[i], weights[i] / sum * 1000, 1e-6) << i;  // columns are rounded to 2^-32 each
  }
}

TEST(WeightedOrder, DependsOnSeedAndPositionAlone) {
  const std::vector<std::uint32_t> weights(50, 1);
  const WeightedOrder a(weights, 1), same(weights, 1), other(weights, 2);
  int differing = 0;
  for (std::uint64_t position = 0; position < 200; ++position) {
    EXPECT_EQ(a(199 - position), same(199 - position));
    differing += a(position) != other(position);
  }
  EXPECT_GT(differing, 150);
  // Values that any program can compute: word i of Philox4x32-10 with key (1, 1) and counter (0, 224, position mod 50, position / 50).
  const RandomSequence words(1, RandomStream::kAugment, 224, 23, 2);
  EXPECT_EQ(a(123), static_cast<std::uint32_t>((static_cast<std::uint64_t>(words.bits(0)) * 50) >> 32));
}

TEST(AliasTable, RefusesNothingToDraw) {
  EXPECT_THROW(AliasTable(std::vector<std::uint32_t>{}), InvariantError);
  EXPECT_THROW(AliasTable(std::vector<std::uint32_t>{0, 0}), InvariantError);
}

// Images that show these classes with these pixels.
class SampleWeightsTest : public testing::Test {
 protected:
  using Histogram = std::vector<ClassPixels>;
  std::vector<double> weights(const std::vector<Histogram>& images, Sampling sampling, const SamplingOptions& options = {},
                              const std::vector<std::int32_t>& ignored = {}) {
    const testing_support::TemporaryFolder folder;
    std::vector<SampleRecord> records;
    for (const Histogram& histogram : images) {
      records.push_back(tiny_record(static_cast<std::uint32_t>(records.size())));
      records.back().histogram = histogram;
    }
    pack_records(folder.path(), std::move(records));
    const ShardReader reader = Dataset::open(folder.path()).split("train");
    std::vector<double> relative;
    for (const std::uint32_t weight : sample_weights(reader, TrainClasses(tiny_classes(), ignored), sampling, options)) {
      relative.push_back(weight / 4294967295.0);
    }
    return relative;
  }
  static void expect_near(const std::vector<double>& found, const std::vector<double>& wanted) {
    ASSERT_EQ(found.size(), wanted.size());
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      EXPECT_NEAR(found[i], wanted[i], 1e-9) << i;
    }
  }
  // class 0 in all four, class 1 in two, class 2 in one
  const std::vector<Histogram> images_ = {{{0, 60}}, {{0, 30}, {1, 30}}, {{0, 50}, {1, 10}}, {{0, 40}, {2, 20}}};
};

TEST_F(SampleWeightsTest, RepeatFactorTakesTheRarestClassOfAnImage) {
  // threshold 1/2: factors 1 for classes 0 and 1, sqrt(2) for class 2
  expect_near(weights(images_, Sampling::kRepeatFactor, {.threshold = 0.5}), {std::sqrt(0.5), std::sqrt(0.5), std::sqrt(0.5), 1});
  expect_near(weights(images_, Sampling::kRepeatFactor), {1, 1, 1, 1});
  // an image of nothing is shown too
  expect_near(weights({{}, {{2, 1}}}, Sampling::kRepeatFactor, {.threshold = 1}), {std::sqrt(0.5), 1});
}

TEST_F(SampleWeightsTest, ClassBalancedGivesEachClassTheSame) {
  const double largest = 1.0 / 4 + 1.0;
  expect_near(weights(images_, Sampling::kClassBalanced), {0.25 / largest, 0.75 / largest, 0.75 / largest, 1});
}

TEST_F(SampleWeightsTest, RareClassFollowsTheSoftmaxOverPixels) {
  const double f[3] = {180.0 / 240, 40.0 / 240, 20.0 / 240}, shown[3] = {4, 2, 1}, temperature = 0.2;
  double value[3];
  for (int c = 0; c < 3; ++c) {
    value[c] = std::exp((1 - f[c]) / temperature) / shown[c];
  }
  const double largest = value[0] + value[2];
  expect_near(weights(images_, Sampling::kRareClass, {.temperature = temperature}),
              {value[0] / largest, (value[0] + value[1]) / largest, (value[0] + value[1]) / largest, 1});
}

TEST_F(SampleWeightsTest, IgnoredClassesDoNotCount) {
  expect_near(weights(images_, Sampling::kClassBalanced, {}, {0}), {0, 0.5, 0.5, 1});  // id 0 is dense index 0
}

TEST_F(SampleWeightsTest, RefusesASplitWithoutClasses) {
  EXPECT_THROW((void)weights({{}, {}}, Sampling::kRareClass), ConfigError);
  EXPECT_THROW((void)weights(images_, Sampling::kUniform), InvariantError);
}

TEST(Sampling, IsKnownByName) {
  EXPECT_EQ(sampling_from_name("rare_class"), Sampling::kRareClass);
  EXPECT_THROW((void)sampling_from_name("rare"), ConfigError);
}

}  // namespace
}  // namespace muster::data
