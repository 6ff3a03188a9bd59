#include "optim/adamw.hpp"

#include <array>
#include <barrier>
#include <cmath>
#include <limits>
#include <span>
#include <thread>
#include <vector>

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "core/random.hpp"

namespace muster::optim {
namespace {

constexpr BackboneDepth kDepth{.blocks = 2, .joint_blocks = 1};

std::vector<SegmentLayout> layouts() {
  std::vector<SegmentLayout> all = segment_layouts("blocks.0", {{.name = "backbone.blocks.0.attn.qkv.weight", .shape = {30, 10}},
                                                                {.name = "backbone.blocks.0.attn.proj.weight", .shape = {10, 10}},
                                                                {.name = "backbone.blocks.0.norm1.weight", .shape = {10}}});
  const std::vector<SegmentLayout> head = segment_layouts("head", {{.name = "class_head.weight", .shape = {6, 50}}});
  all.insert(all.end(), head.begin(), head.end());
  return all;
}

at::Tensor values(const SegmentLayout& layout, std::uint32_t site) {
  at::Tensor flat = at::zeros({layout.numel}, at::kFloat);
  const RandomSequence random(11, RandomStream::kInit, site, 0, 0);
  for (const Piece& piece : layout.pieces) {
    for (std::int64_t i = piece.begin; i < piece.end; ++i) {
      flat.data_ptr<float>()[i] = static_cast<float>(random.normal(static_cast<std::uint64_t>(i)));
    }
  }
  return flat;
}

OptimOptions options() {
  OptimOptions o;
  o.lr = 1e-2;
  o.lr_warmup_steps = {2, 4};
  o.cap_warmup = false;
  return o;
}

// All segments of one rank.
struct RankState {
  RankState(int rank, int world) : optimizer(options(), kDepth, 10, 16) {
    std::uint32_t site = 0;
    for (const SegmentLayout& layout : layouts()) {
      const FlatShard shard = flat_shard(layout.numel, rank, world);
      parameters.push_back(values(layout, site++).slice(0, shard.begin, shard.end).clone());
      gradients.push_back(at::zeros_like(parameters.back()));
      optimizer.add_segment(layout, shard, parameters.back(), gradients.back());
    }
  }
  void set_gradients(std::int64_t step, int rank, int world) {
    std::uint32_t site = 100 + 10 * static_cast<std::uint32_t>(step);
    std::size_t i = 0;
    for (const SegmentLayout& layout : layouts()) {
      const FlatShard shard = flat_shard(layout.numel, rank, world);
      gradients[i++].copy_(values(layout, site++).slice(0, shard.begin, shard.end));
    }
  }

  AdamW optimizer;
  std::vector<at::Tensor> parameters;
  std::vector<at::Tensor> gradients;
};

TEST(AdamW, LeavesTheBackboneStillWhileTheHeadsWarmUp) {
  RankState run(0, 1);
  SoloReducer reducer;
  const at::Tensor backbone = run.parameters[0].clone();
  const at::Tensor head = run.parameters[2].clone();
  for (std::int64_t step = 0; step < 3; ++step) {  // heads: rates 0, 1/2, 1; backbone: 0, 0, 0
    run.set_gradients(step, 0, 1);
    const StepReport report = run.optimizer.step(step, reducer);
    EXPECT_EQ(report.lr_backbone, 0);
    EXPECT_TRUE(run.parameters[0].equal(backbone));
    EXPECT_EQ(run.parameters[2].equal(head), step == 0) << step;
  }
  run.set_gradients(3, 0, 1);
  EXPECT_DOUBLE_EQ(run.optimizer.step(3, reducer).lr_backbone, 1e-2 / 4);
  EXPECT_FALSE(run.parameters[0].equal(backbone));
}

TEST(AdamW, ReportsTheNormAndClipsToIt) {
  RankState run(0, 1);
  SoloReducer reducer;
  run.set_gradients(0, 0, 1);
  double squares = 0;
  for (const at::Tensor& gradient : run.gradients) {
    squares += gradient.to(at::kDouble).square().sum().item<double>();
  }
  const StepReport report = run.optimizer.step(0, reducer);
  EXPECT_NEAR(report.grad_norm, std::sqrt(squares), 1e-9);
  EXPECT_NEAR(report.clip_factor, 0.01 / std::sqrt(squares), 1e-9);
  EXPECT_EQ(run.optimizer.updates(), 1);
}

TEST(AdamW, SkipsAStepWhoseGradientIsNotFinite) {
  RankState run(0, 1);
  SoloReducer reducer;
  run.set_gradients(5, 0, 1);
  run.gradients[1][3] = std::numeric_limits<float>::infinity();
  const at::Tensor before = run.parameters[2].clone();
  const StepReport report = run.optimizer.step(5, reducer);
  EXPECT_FALSE(report.applied);
  EXPECT_TRUE(std::isinf(report.grad_norm));
  EXPECT_TRUE(run.parameters[2].equal(before));
  EXPECT_EQ(run.optimizer.skipped(), 1);
  EXPECT_EQ(run.optimizer.updates(), 0);
}

// Ranks as threads: sum() adds what each brought.
class ThreadReducer final : public Reducer {
 public:
  struct Shared {
    explicit Shared(int ranks) : world(ranks), barrier(ranks), slots(static_cast<std::size_t>(ranks)) {}
    int world;
    std::barrier<> barrier;
    std::vector<std::vector<double>> slots;
  };
  ThreadReducer(Shared& shared, int rank) : shared_(shared), rank_(rank) {}
  int rank() const noexcept override { return rank_; }
  int world() const noexcept override { return shared_.world; }
  void sum(std::span<double> numbers) override {
    shared_.slots[static_cast<std::size_t>(rank_)].assign(numbers.begin(), numbers.end());
    shared_.barrier.arrive_and_wait();
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      numbers[i] = 0;
      for (const auto& slot : shared_.slots) {
        numbers[i] += slot[i];
      }
    }
    shared_.barrier.arrive_and_wait();
  }
  void max(std::span<double> /*numbers*/) override {}

 private:
  Shared& shared_;
  int rank_;
};

TEST(AdamW, HasTheSameBitsOnAnyNumberOfRanks) {
  std::vector<std::vector<at::Tensor>> whole;  // [world][segment], shards joined
  std::vector<double> norms;
  for (const int world : {1, 2, 3}) {
    ThreadReducer::Shared shared(world);
    std::vector<RankState> runs;
    for (int rank = 0; rank < world; ++rank) {
      runs.emplace_back(rank, world);
    }
    std::vector<std::jthread> threads;
    std::vector<double> norm(static_cast<std::size_t>(world));
    for (int rank = 0; rank < world; ++rank) {
      threads.emplace_back([&, rank] {
        ThreadReducer reducer(shared, rank);
        for (std::int64_t step = 0; step < 6; ++step) {
          runs[static_cast<std::size_t>(rank)].set_gradients(step, rank, world);
          norm[static_cast<std::size_t>(rank)] = runs[static_cast<std::size_t>(rank)].optimizer.step(step, reducer).grad_norm;
        }
      });
    }
    threads.clear();
    norms.insert(norms.end(), norm.begin(), norm.end());
    std::vector<at::Tensor> joined;
    for (std::size_t segment = 0; segment < layouts().size(); ++segment) {
      std::vector<at::Tensor> parts;
      for (const RankState& run : runs) {
        parts.push_back(run.parameters[segment]);
      }
      joined.push_back(at::cat(parts));
    }
    whole.push_back(joined);
  }
  for (const double norm : norms) {
    EXPECT_EQ(norm, norms.front());
  }
  for (std::size_t segment = 0; segment < layouts().size(); ++segment) {
    EXPECT_TRUE(whole[1][segment].equal(whole[0][segment])) << "2 ranks, segment " << segment;
    EXPECT_TRUE(whole[2][segment].equal(whole[0][segment])) << "3 ranks, segment " << segment;
    EXPECT_FALSE(whole[0][segment].equal(values(layouts()[segment], static_cast<std::uint32_t>(segment)))) << "nothing moved";
  }
}

TEST(AdamW, GivesItsMomentsAsState) {
  RankState run(0, 1);
  StateView view;
  run.optimizer.append_state(view);
  ASSERT_EQ(view.entries.size(), 6U);
  EXPECT_EQ(view.entries[0].file_name(), "blocks.0/matrix#moment1");
  EXPECT_EQ(view.entries[1].file_name(), "blocks.0/matrix#moment2");
  EXPECT_EQ(view.entries[0].shape, (std::vector<std::int64_t>{layouts()[0].numel}));
}

TEST(AdamW, RefusesAFrozenSegment) {
  AdamW optimizer(options(), kDepth, 10, 16);
  const SegmentLayout frozen = segment_layouts("stem", {{.name = "backbone.mask_token", .shape = {1, 8}, .trainable = false}}).front();
  EXPECT_THROW(optimizer.add_segment(frozen, flat_shard(8, 0, 1), at::zeros({8}), at::zeros({8})), InvariantError);
}

}  // namespace
}  // namespace muster::optim
