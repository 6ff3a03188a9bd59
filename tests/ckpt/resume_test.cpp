// Ten steps equal five, save, load, five, bit for bit: optimizer and checkpoint together, on one rank.
#include "ckpt/checkpoint.hpp"
#include "ckpt/writer.hpp"

#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "ckpt/tiny_state.hpp"
#include "core/random.hpp"
#include "core/reducer.hpp"
#include "io/value.hpp"
#include "optim/adamw.hpp"

namespace muster::ckpt {
namespace {

optim::OptimOptions options() {
  optim::OptimOptions o;
  o.lr = 1e-2;
  o.lr_warmup_steps = {2, 4};
  o.cap_warmup = false;
  return o;
}

// One segment each of weights, with gradients that depend on the weights, so that an error anywhere grows.
class Trainer {
 public:
  Trainer() : optimizer_(options(), {.blocks = 1, .joint_blocks = 1}, 10, 16) {
    std::uint32_t site = 0;
    for (const SegmentLayout& layout : tiny_layouts()) {
      at::Tensor weights = at::zeros({layout.numel}, at::kFloat);
      const RandomSequence random(5, RandomStream::kInit, site++, 0, 0);
      for (const Piece& piece : layout.pieces) {
        for (std::int64_t i = piece.begin; i < piece.end; ++i) {
          weights.data_ptr<float>()[i] = static_cast<float>(random.normal(static_cast<std::uint64_t>(i)));
        }
      }
      weights_.push_back(weights);
      gradients_.push_back(at::zeros_like(weights));
      optimizer_.add_segment(layout, flat_shard(layout.numel, 0, 1), weights_.back(), gradients_.back());
    }
  }

  void run(std::int64_t first, std::int64_t last) {
    SoloReducer reducer;
    for (std::int64_t step = first; step < last; ++step) {
      for (std::size_t i = 0; i < weights_.size(); ++i) {
        gradients_[i].copy_(weights_[i].sin().mul(1.0 + static_cast<double>(step)));
      }
      if (step == 3) {
        gradients_[0][0] = INFINITY;  // a skipped step, whose count is part of the state
      }
      optimizer_.step(step, reducer);
    }
  }

  StateView view() {
    StateView view;
    std::size_t i = 0;
    for (const SegmentLayout& layout : tiny_layouts()) {
      view.layouts.push_back(layout);
      view.entries.push_back({.name = layout.name(),
                              .kind = StateKind::kWeight,
                              .dtype = ScalarType::kF32,
                              .shape = {layout.numel},
                              .pieces = {{.begin = 0, .end = layout.numel, .data = static_cast<std::byte*>(weights_[i++].data_ptr())}},
                              .writes = true});
    }
    optimizer_.append_state(view);
    view.records = {
        {.name = "optimizer", .json = fmt::format(R"({{"updates":{},"skipped":{}}})", optimizer_.updates(), optimizer_.skipped())}};
    return view;
  }

  void resume(const Checkpoint& checkpoint) {
    checkpoint.load(view());
    const io::Value counts = io::parse_json(checkpoint.record("optimizer"), "optimizer");
    optimizer_.restore_counts(counts.at("updates").as_int(), counts.at("skipped").as_int());
  }

  const std::vector<at::Tensor>& weights() const { return weights_; }
  const optim::AdamW& optimizer() const { return optimizer_; }

 private:
  std::vector<at::Tensor> weights_;
  std::vector<at::Tensor> gradients_;
  optim::AdamW optimizer_;
};

TEST(Resume, TenStepsEqualFiveSaveLoadFive) {
  const TemporaryFolder run;
  Trainer whole;
  whole.run(0, 10);

  {
    Trainer first_half;
    first_half.run(0, 5);
    Writer(run.path(), "run-a").save(first_half.view(), 5);
  }
  Trainer second_half;
  second_half.resume(open_newest(run.path()));
  EXPECT_EQ(second_half.optimizer().updates(), 4);
  EXPECT_EQ(second_half.optimizer().skipped(), 1);
  second_half.run(5, 10);

  const Trainer untrained;
  for (std::size_t i = 0; i < whole.weights().size(); ++i) {
    EXPECT_TRUE(second_half.weights()[i].equal(whole.weights()[i])) << "segment " << i;
    EXPECT_FALSE(whole.weights()[i].equal(untrained.weights()[i])) << "segment " << i << " did not move: nothing was tested";
  }
}

}  // namespace
}  // namespace muster::ckpt
