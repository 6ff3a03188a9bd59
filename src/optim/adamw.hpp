// The optimizer of a run: AdamW over flat segments, with groups, schedule, clipping and the gradient's norm.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "core/flat_layout.hpp"
#include "core/reducer.hpp"
#include "core/state.hpp"
#include "ops/adamw_formula.hpp"
#include "optim/optim_options.hpp"
#include "optim/parameter_groups.hpp"
#include "optim/schedule.hpp"

namespace muster::optim {

// What a step did, for the log.
struct StepReport {
  double lr_heads = 0;
  double lr_backbone = 0;  // of the last block: before layer-wise decay
  double grad_norm = 0;    // before clipping; inf when not finite
  double clip_factor = 1;
  bool applied = true;  // false: the gradient was not finite and no weight changed
};

// Not safe from several threads at once.
class AdamW {
 public:
  AdamW(const OptimOptions& options, BackboneDepth depth, std::int64_t steps, std::int64_t global_batch);

  // Adds a trainable segment. `parameter` and `gradient` are this rank's flat shard, fp32 or fp64, with at least
  // shard.end - shard.begin elements; they are kept and changed in place. Padding must have gradient 0.
  void add_segment(const SegmentLayout& layout, const FlatShard& shard, at::Tensor parameter, at::Tensor gradient);

  // Step `step` (from 0) with the gradients as they are. Collective over the reducer's ranks: one sum. The same bits on
  // every number of ranks that hold the same gradients. Waits for the device.
  StepReport step(std::int64_t step, Reducer& reducer);

  // Appends first and second moments, as memory that a checkpoint reads and writes in place.
  void append_state(StateView& view);

  // Steps that changed weights, and steps skipped for a gradient that was not finite: to be stored beside the moments.
  std::int64_t updates() const noexcept { return last_.updates; }
  std::int64_t skipped() const noexcept { return last_.skipped; }
  void restore_counts(std::int64_t updates, std::int64_t skipped);

  const Warmup& warmup() const noexcept { return warmup_; }
  double base_lr() const noexcept { return lr_; }

 private:
  struct Segment {
    SegmentLayout layout;
    FlatShard shard;
    at::Tensor parameter, gradient, moment1, moment2;  // [shard.end - shard.begin]
    std::vector<GroupedPiece> pieces;
  };
  void sum_over_ranks(at::Tensor& words, Reducer& reducer) const;

  OptimOptions options_;
  BackboneDepth depth_;
  ops::AdamWConstants constants_;
  double lr_;
  Warmup warmup_;
  TwoStagePoly schedule_;
  std::vector<Segment> segments_;
  at::Tensor sum_words_;  // [ops::kSumWords] int64, on the segments' device
  at::Tensor scalars_;    // an ops::StepScalars, on the segments' device
  ops::StepScalars last_;
};

}  // namespace muster::optim
