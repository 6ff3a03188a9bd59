#include "optim/schedule.hpp"

#include <algorithm>
#include <cmath>

#include "core/error.hpp"

namespace muster::optim {

Warmup resolve_warmup(const OptimOptions& options, std::int64_t steps) {
  validate(options);
  Warmup warmup{.heads = options.lr_warmup_steps[0], .backbone = options.lr_warmup_steps[1], .notice = {}};
  if (options.cap_warmup && (warmup.heads > steps / 10 || warmup.backbone > steps / 5)) {
    const Warmup wanted = warmup;
    warmup.heads = std::min(wanted.heads, steps / 10);
    warmup.backbone = std::min(wanted.backbone, steps / 5);
    warmup.notice = fmt::format(
        "warm-up [{}, {}] is capped at [{}, {}], a tenth and a fifth of {} steps; model_args.cap_warmup=false keeps the longer one",
        wanted.heads, wanted.backbone, warmup.heads, warmup.backbone, steps);
  }
  return warmup;
}

double scaled_lr(const OptimOptions& options, std::int64_t global_batch) {
  check(global_batch > 0, "scaled_lr: global batch of {}", global_batch);
  return options.lr * std::sqrt(static_cast<double>(global_batch) / 16.0);
}

TwoStagePoly::TwoStagePoly(std::int64_t steps, const Warmup& warmup, double power)
    : steps_(steps), warmup_heads_(warmup.heads), warmup_backbone_(warmup.backbone), power_(power) {
  check(steps > 0 && warmup.heads >= 0 && warmup.backbone >= 0, "TwoStagePoly: {} steps, warm-up [{}, {}]", steps, warmup.heads,
        warmup.backbone);
}

double TwoStagePoly::decay(std::int64_t step, std::int64_t start) const {
  if (step >= steps_) {
    return 0;
  }
  return std::pow(1.0 - static_cast<double>(step - start) / static_cast<double>(steps_ - start), power_);
}

double TwoStagePoly::heads(std::int64_t step) const {
  if (step < warmup_heads_) {
    return static_cast<double>(step) / static_cast<double>(warmup_heads_);
  }
  return decay(step, warmup_heads_);
}

double TwoStagePoly::backbone(std::int64_t step) const {
  const std::int64_t since = step - warmup_heads_;
  if (since < 0) {
    return 0;
  }
  if (since < warmup_backbone_) {
    return static_cast<double>(since) / static_cast<double>(warmup_backbone_);
  }
  return decay(step, warmup_heads_ + warmup_backbone_);
}

}  // namespace muster::optim
