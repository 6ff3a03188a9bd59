#include "data/batch_cut.hpp"

#include <algorithm>
#include <vector>

#include <gtest/gtest.h>

#include "core/error.hpp"
#include "core/random.hpp"
#include "data/sample_order.hpp"

namespace muster::data {
namespace {

TEST(Cut, TilesTheRangeWithPartsThatDifferByOne) {
  for (const std::uint64_t length : {0U, 1U, 5U, 16U, 17U, 250U}) {
    for (const std::uint64_t parts : {1U, 2U, 3U, 8U, 64U}) {
      SCOPED_TRACE(testing::Message() << "length=" << length << " parts=" << parts);
      std::uint64_t next = 1000;
      for (std::uint64_t part = 0; part < parts; ++part) {
        const PositionRange range = cut({.begin = 1000, .end = 1000 + length}, part, parts);
        EXPECT_EQ(range.begin, next);
        EXPECT_LE(range.size(), length / parts + 1);
        EXPECT_GE(range.size(), length / parts);
        next = range.end;
      }
      EXPECT_EQ(next, 1000 + length);
    }
  }
}

TEST(GlobalBatch, StreamsOverTheEndOfAnEpoch) {
  EXPECT_EQ(global_batch(8, 4, 10, Tail::kStream), (PositionRange{8, 12}));
  EXPECT_EQ(global_batch(0, 25, 10, Tail::kStream), (PositionRange{0, 25}));  // more than two epochs at once
}

TEST(GlobalBatch, DropsTheTailBySteppingToTheNextEpoch) {
  EXPECT_EQ(global_batch(4, 4, 10, Tail::kDrop), (PositionRange{4, 8}));
  EXPECT_EQ(global_batch(8, 4, 10, Tail::kDrop), (PositionRange{10, 14}));
  EXPECT_EQ(global_batch(6, 4, 10, Tail::kDrop), (PositionRange{6, 10}));
}

TEST(GlobalBatch, RefusesToDropWhenNoBatchFitsAnEpoch) {
  EXPECT_THROW((void)global_batch(0, 11, 10, Tail::kDrop), ConfigError);
}

TEST(CheckBatch, WantsASampleForEveryMicroBatchOfEveryRank) {
  EXPECT_NO_THROW(check_batch(12, 4, 3));
  EXPECT_THROW(check_batch(11, 4, 3), ConfigError);
}

// Ranks and batch size change at random step boundaries; still every epoch shows every sample exactly once.
TEST(GlobalBatch, ShowsEachSampleOncePerEpochWhateverTheRanksAndBatches) {
  for (std::uint32_t trial = 0; trial < 100; ++trial) {
    const RandomSequence random(11, RandomStream::kAugment, 0, trial, 0);
    const std::uint64_t n = 1 + random.bits(0) % 700;
    const std::uint64_t epochs = 2;
    SCOPED_TRACE(testing::Message() << "trial=" << trial << " n=" << n);
    std::vector<int> shown(n * epochs, 0);
    std::uint64_t position = 0;
    for (std::uint64_t step = 1; position < n * epochs; ++step) {
      const std::uint64_t micro = 1 + random.bits(3 * step) % 3;
      const std::uint64_t world = 1 + random.bits(3 * step + 1) % 20;
      const std::uint64_t batch_size = micro * world + random.bits(3 * step + 2) % 200;
      const PositionRange whole = global_batch(position, batch_size, n, Tail::kStream);
      for (std::uint64_t rank = 0; rank < world; ++rank) {
        for (std::uint64_t m = 0; m < micro; ++m) {
          const PositionRange range = cut(cut(whole, rank, world), m, micro);
          EXPECT_GE(range.size(), 1U);
          for (std::uint64_t p = range.begin; p < range.end && p < n * epochs; ++p) {
            const EpochPosition at = epoch_position(p, n);
            ++shown[at.epoch * n + SampleOrder(n, trial, at.epoch)(at.offset)];
          }
        }
      }
      position = whole.end;
    }
    EXPECT_EQ(std::ranges::count(shown, 1), static_cast<std::ptrdiff_t>(shown.size()));
  }
}

}  // namespace
}  // namespace muster::data
