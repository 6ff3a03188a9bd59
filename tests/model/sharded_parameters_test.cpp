#include "model/sharded_parameters.hpp"

#include <gtest/gtest.h>

#include "model/initialisation.hpp"
#include "model/model.hpp"
#include "model/parameters.hpp"

namespace muster::model {
namespace {

// Every segment of the model, put together from the shards of `world` ranks.
TensorList joined(std::span<const UnitSpec> units, int world, std::uint64_t seed, at::ScalarType type) {
  std::vector<std::vector<ShardedSegment>> ranks;
  for (int rank = 0; rank < world; ++rank) {
    ranks.push_back(sharded_segments(units, rank, world, type));
    initialise(ranks.back(), units, seed);
  }
  TensorList segments;
  for (std::size_t i = 0; i < ranks[0].size(); ++i) {
    TensorList shards;
    for (const auto& rank : ranks) {
      shards.push_back(rank[i].data);
    }
    segments.push_back(at::cat(shards).narrow(0, 0, ranks[0][i].layout.numel));
  }
  return segments;
}

TEST(ShardedSegment, FreshShardsOfAnyNumberOfRanksTogetherAreTheWholeModel) {
  const auto model = make_model("dinov3/vitt16-notpretrained-eomt", EomtOptions{}, 3);
  for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
    ParameterStore whole(model->units(), type, Gradients::kNone);
    initialise(whole, model->units(), 11);
    for (const int world : {1, 3, 4}) {
      const TensorList segments = joined(model->units(), world, 11, type);
      ASSERT_EQ(segments.size(), whole.segments().size());
      for (std::size_t i = 0; i < segments.size(); ++i) {
        EXPECT_TRUE(at::equal(segments[i], whole.segments()[i].data)) << whole.segments()[i].layout.name() << " over " << world << " ranks";
      }
    }
  }
}

TEST(ShardedSegment, SlicesCoverEachTensorOnceAndLieWhereTheLayoutSays) {
  UnitSpec unit{.name = "u", .parameters = {}, .inits = {}, .borrowed = {}};
  unit.add({.name = "a", .shape = {7, 30}}, {});   // elements 0 to 210
  unit.add({.name = "b", .shape = {2, 5}}, {});    // 256 to 266
  unit.add({.name = "c", .shape = {10, 64}}, {});  // 320 to 960
  for (const int world : {1, 2, 3, 5, 40}) {
    SCOPED_TRACE(world);
    std::map<std::string, std::int64_t> seen;
    for (int rank = 0; rank < world; ++rank) {
      const auto shards = sharded_segments(std::span(&unit, 1), rank, world, at::kFloat);
      ASSERT_EQ(shards.size(), 1U);
      for (const TensorSlice& slice : tensor_slices(shards[0])) {
        EXPECT_EQ(slice.begin, seen[slice.piece->tensor]) << slice.piece->tensor;
        EXPECT_EQ(slice.values.numel(), slice.end - slice.begin);
        EXPECT_EQ(slice.values.data_ptr<float>() - shards[0].data.data_ptr<float>(),
                  slice.piece->begin + slice.begin - shards[0].shard.begin);
        seen[slice.piece->tensor] = slice.end;
      }
    }
    EXPECT_EQ(seen, (std::map<std::string, std::int64_t>{{"a", 210}, {"b", 10}, {"c", 640}}));
  }
}

TEST(ShardedSegment, ShardsOfAModelOfSevenBillionParametersArePlannedWithoutMemory) {
  const auto model = make_model("dinov3/vit7b16-notpretrained", EomtOptions{}, 0, {.device = at::kMeta});
  std::int64_t elements = 0;
  for (int rank = 0; rank < 4; ++rank) {
    for (const ShardedSegment& segment :
         sharded_segments(model->units(), rank, 4, at::TensorOptions().dtype(at::kBFloat16).device(at::kMeta))) {
      for (const TensorSlice& slice : tensor_slices(segment)) {
        elements += slice.end - slice.begin;
      }
    }
  }
  EXPECT_EQ(elements, 6'716'035'072);  // the published count
}

}  // namespace
}  // namespace muster::model
