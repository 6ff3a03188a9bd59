// Learning rate over steps: a warm-up for the heads, then one for the backbone, then polynomial decay.
//
// Step s of T, warm-ups w1 and w2, power p; both start at s = 0 with rate 0, as in the reference:
//   heads     s < w1: s / w1;  else (1 - (s - w1) / (T - w1))^p
//   backbone  s < w1: 0;  s < w1 + w2: (s - w1) / w2;  else (1 - (s - w1 - w2) / (T - w1 - w2))^p
// Source: tue-mps/eomt, training/two_stage_warmup_poly_schedule.py.
#pragma once

#include <cstdint>
#include <string>

#include "optim/optim_options.hpp"

namespace muster::optim {

struct Warmup {
  std::int64_t heads = 0;     // w1
  std::int64_t backbone = 0;  // w2
  std::string notice;         // one sentence when the options' values were capped, else empty
};

// options.lr_warmup_steps, capped at steps/10 and steps/5 where options.cap_warmup says so.
Warmup resolve_warmup(const OptimOptions& options, std::int64_t steps);

// options.lr for this global batch: lr sqrt(batch / 16).
double scaled_lr(const OptimOptions& options, std::int64_t global_batch);

class TwoStagePoly {
 public:
  TwoStagePoly(std::int64_t steps, const Warmup& warmup, double power);

  // Shares of the full learning rate, in [0, 1]. `step` counts from 0.
  double heads(std::int64_t step) const;
  double backbone(std::int64_t step) const;

 private:
  double decay(std::int64_t step, std::int64_t start) const;

  std::int64_t steps_;
  std::int64_t warmup_heads_;
  std::int64_t warmup_backbone_;
  double power_;
};

}  // namespace muster::optim
