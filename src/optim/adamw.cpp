#include "optim/adamw.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <ATen/ops/zeros_like.h>

#include "core/error.hpp"
#include "ops/adamw.hpp"

namespace muster::optim {

AdamW::AdamW(const OptimOptions& options, BackboneDepth depth, std::int64_t steps, std::int64_t global_batch)
    : options_(options),
      depth_(depth),
      constants_{.beta1 = options.beta1, .beta2 = options.beta2, .eps = options.eps},
      lr_(scaled_lr(options, global_batch)),
      warmup_(resolve_warmup(options, steps)),
      schedule_(steps, warmup_, options.poly_power) {}

void AdamW::add_segment(const SegmentLayout& layout, const FlatShard& shard, at::Tensor parameter, at::Tensor gradient) {
  check(layout.trainable(), "AdamW: segment {} is frozen", layout.name());
  const std::int64_t kept = shard.end - shard.begin;
  check(parameter.numel() >= kept && gradient.numel() >= kept, "AdamW: segment {} has {} parameters and {} gradients for a shard of {}",
        layout.name(), parameter.numel(), gradient.numel(), kept);
  Segment segment{.layout = layout,
                  .shard = shard,
                  .parameter = parameter.detach().slice(0, 0, kept),
                  .gradient = gradient.detach().slice(0, 0, kept),
                  .moment1 = {},
                  .moment2 = {},
                  .pieces = grouped_pieces(layout, shard, depth_, options_)};
  segment.moment1 = at::zeros_like(segment.parameter);
  segment.moment2 = at::zeros_like(segment.parameter);
  if (segments_.empty()) {
    sum_words_ = ops::make_sum_words(segment.parameter);
    scalars_ = ops::make_step_scalars(segment.parameter, last_);
  }
  segments_.push_back(std::move(segment));
}

void AdamW::sum_over_ranks(at::Tensor& words, Reducer& reducer) const {
  if (reducer.world() == 1) {
    return;
  }
  // Digits are below 2^32, so doubles add them without rounding on up to 2^21 ranks.
  at::Tensor host = words.cpu();
  std::int64_t* digits = host.data_ptr<std::int64_t>();
  ops::sum_carry(digits);
  std::array<double, ops::kSumWords> values{};
  std::copy_n(digits, ops::kSumWords, values.begin());
  reducer.sum(values);
  std::transform(values.begin(), values.end(), digits, [](double value) { return static_cast<std::int64_t>(value); });
  words.copy_(host);
}

StepReport AdamW::step(std::int64_t step, Reducer& reducer) {
  check(!segments_.empty(), "AdamW: step {} without a segment", step);
  for (const Segment& segment : segments_) {
    ops::add_squares(segment.gradient, sum_words_);
  }
  sum_over_ranks(sum_words_, reducer);
  ops::advance_step(scalars_, sum_words_, options_.gradient_clip_val, constants_);

  const double lr_heads = lr_ * schedule_.heads(step);
  const double lr_backbone = lr_ * schedule_.backbone(step);
  std::vector<ops::PieceRate> rates;
  for (Segment& segment : segments_) {
    rates.clear();
    for (const GroupedPiece& piece : segment.pieces) {
      rates.push_back({.begin = piece.begin,
                       .end = piece.end,
                       .lr = (piece.group.backbone ? lr_backbone : lr_heads) * piece.group.lr_factor,
                       .weight_decay = piece.group.weight_decay});
    }
    ops::adamw_step(segment.parameter, segment.gradient, segment.moment1, segment.moment2, rates, constants_, scalars_);
  }
  last_ = ops::read_step_scalars(scalars_);
  return {.lr_heads = lr_heads,
          .lr_backbone = lr_backbone,
          .grad_norm = last_.norm,
          .clip_factor = last_.gradient_scale,
          .applied = last_.applied == 1};
}

void AdamW::append_state(StateView& view) {
  for (Segment& segment : segments_) {
    const ScalarType dtype = segment.parameter.scalar_type() == at::kFloat ? ScalarType::kF32 : ScalarType::kF64;
    for (const auto& [kind, moment] :
         {std::pair(StateKind::kMoment1, &segment.moment1), std::pair(StateKind::kMoment2, &segment.moment2)}) {
      view.entries.push_back(
          {.name = segment.layout.name(),
           .kind = kind,
           .dtype = dtype,
           .shape = {segment.layout.numel},
           .pieces = {{.begin = segment.shard.begin, .end = segment.shard.end, .data = static_cast<std::byte*>(moment->data_ptr())}},
           .writes = true});
    }
  }
}

void AdamW::restore_counts(std::int64_t updates, std::int64_t skipped) {
  last_ = {.updates = updates, .skipped = skipped};
  if (!segments_.empty()) {
    scalars_ = ops::make_step_scalars(segments_.front().parameter, last_);
  }
}

}  // namespace muster::optim
