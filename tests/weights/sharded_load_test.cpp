#include "weights/sharded_load.hpp"

#include <fstream>
#include <limits>

#include <ATen/ops/cat.h>
#include <ATen/ops/equal.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "model/initialisation.hpp"
#include "weights/random_weights.hpp"
#include "weights/sample_info.hpp"

namespace muster::weights {
namespace {

// Bytes that this process has read by system calls so far.
std::uint64_t bytes_read() {
  std::ifstream io("/proc/self/io");
  std::string key;
  std::uint64_t value = 0;
  while (io >> key >> value && key != "rchar:") {
  }
  return value;
}

class ShardedLoadTest : public testing::Test {
 protected:
  // Weights of seed 5 in several files; a `.pth` has Meta's names.
  std::filesystem::path write(ScalarType dtype) {
    export_muster(folder_ / "w", random_supply(*model_, 5), sample_info(), {.dtype = dtype, .max_shard_bytes = 3'000'000});
    return folder_ / "w";
  }
  std::filesystem::path write_torch(ScalarType dtype) {
    export_meta(folder_ / "w.pth", model_->backbone(), random_supply(*model_, 5), {.dtype = dtype});
    return folder_ / "w.pth";
  }

  model::ParameterStore drawn(at::ScalarType type) {
    model::ParameterStore store(model_->units(), type, model::Gradients::kNone);
    model::initialise(store, model_->units(), 5);
    return store;
  }

  TemporaryFolder folder_;
  std::unique_ptr<model::Model> model_ = model::make_model("dinov3/vitt16-notpretrained", {}, 0);
};

TEST_F(ShardedLoadTest, ShardsOfAnyNumberOfRanksTogetherAreTheWholeModel) {
  const model::ParameterStore whole = drawn(at::kBFloat16);
  for (const auto& path : {write(ScalarType::kBF16), write_torch(ScalarType::kBF16)}) {
    const TensorSource source = TensorSource::open(path);
    const LoadPlan plan = plan_load(source, recognise_form(source), *model_);
    for (const at::ScalarType type : {at::kBFloat16, at::kFloat}) {
      for (const int world : {1, 3, 4}) {
        SCOPED_TRACE(testing::Message() << path << " over " << world << " ranks");
        std::vector<std::vector<model::ShardedSegment>> ranks;
        for (int rank = 0; rank < world; ++rank) {
          ranks.push_back(model::sharded_segments(model_->units(), rank, world, type));
          load_shards(plan, ranks.back());
        }
        ASSERT_EQ(ranks[0].size(), whole.segments().size());
        for (std::size_t i = 0; i < whole.segments().size(); ++i) {
          std::vector<at::Tensor> shards;
          for (const auto& rank : ranks) {
            shards.push_back(rank[i].data);
          }
          const model::Segment& segment = whole.segments()[i];
          EXPECT_TRUE(at::equal(at::cat(shards).narrow(0, 0, segment.layout.numel), segment.data.to(type))) << segment.layout.name();
        }
      }
    }
  }
}

TEST_F(ShardedLoadTest, ARankReadsTheBytesOfItsSlicesAndNoOthers) {
  for (const auto& path : {write(ScalarType::kBF16), write_torch(ScalarType::kBF16)}) {
    const TensorSource source = TensorSource::open(path);
    const LoadPlan plan = plan_load(source, recognise_form(source), *model_);
    for (int rank = 0; rank < 4; ++rank) {
      auto shards = model::sharded_segments(model_->units(), rank, 4, at::kFloat);
      std::uint64_t wanted = 0;
      for (const auto& segment : shards) {
        for (const auto& slice : model::tensor_slices(segment)) {
          wanted += 2 * static_cast<std::uint64_t>(slice.end - slice.begin);
        }
      }
      const std::uint64_t before = bytes_read();
      load_shards(plan, shards);
      const std::uint64_t read = bytes_read() - before;
      EXPECT_GE(read, wanted) << path << " rank " << rank;
      EXPECT_LE(read, wanted + 4096) << path << " rank " << rank;  // /proc/self/io itself
    }
  }
}

TEST_F(ShardedLoadTest, AModelThatIsNotWhatTheFileHoldsIsRefused) {
  const TensorSource source = TensorSource::open(write(ScalarType::kF32));
  LoadPlan plan = plan_load(source, Form::kMuster, *model_);
  auto shards = model::sharded_segments(model_->units(), 0, 1, at::kFloat);
  plan.missing.emplace_back("backbone.norm.weight");
  EXPECT_THROW(load_shards(plan, shards), DataError);

  const LoadPlan whole = plan_load(source, Form::kMuster, *model_);
  const auto wider = model::make_model("dinov3/vits16-notpretrained", {}, 0, {.device = at::kMeta});
  auto others = model::sharded_segments(wider->units(), 0, 1, at::kFloat);
  EXPECT_THROW(load_shards(whole, others), InvariantError);
}

}  // namespace
}  // namespace muster::weights
