#include "core/flat_layout.hpp"

#include <gtest/gtest.h>

#include "core/error.hpp"

namespace muster {
namespace {

TEST(FlatShard, GivesEveryElementToExactlyOneRank) {
  for (const std::int64_t numel : {0L, 1L, 130L, 4096L, 7'000'000'000L}) {  // 7e9 needs 64 bits
    for (const int world : {1, 3, 8, 64}) {
      SCOPED_TRACE(testing::Message() << "numel=" << numel << " world=" << world);
      std::int64_t next = 0;
      for (int rank = 0; rank < world; ++rank) {
        EXPECT_EQ(flat_shard(numel, rank, world).begin, next);
        next = flat_shard(numel, rank, world).end;
      }
      EXPECT_EQ(next, numel);
    }
  }
}

TEST(FlatShard, RefusesARankOutsideTheWorld) { EXPECT_THROW((void)flat_shard(10, 4, 4), InvariantError); }

TEST(SegmentLayouts, SortsByTrainableAndDimAndAlignsEachStart) {
  const auto layouts = segment_layouts("stem", {{.name = "w", .shape = {3, 30}},
                                                {.name = "b", .shape = {3}},
                                                {.name = "token", .shape = {1, 1, 5}, .vector = true},
                                                {.name = "frozen", .shape = {2, 2}, .trainable = false},
                                                {.name = "w2", .shape = {2, 2}}});
  ASSERT_EQ(layouts.size(), 3u);
  EXPECT_EQ(layouts[0].name(), "stem/matrix");
  ASSERT_EQ(layouts[0].pieces.size(), 2u);
  EXPECT_EQ(layouts[0].pieces[1].begin, 128);  // 90 elements, rounded up to the next tile
  EXPECT_EQ(layouts[0].numel, 132);
  EXPECT_EQ(layouts[1].name(), "stem/vector");
  EXPECT_EQ(layouts[1].pieces[1].tensor, "token");
  EXPECT_EQ(layouts[2].name(), "stem/frozen_matrix");
  EXPECT_FALSE(layouts[2].trainable());
}

}  // namespace
}  // namespace muster
