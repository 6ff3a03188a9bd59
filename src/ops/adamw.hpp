// AdamW over flat segments, and the gradient's norm without rounding. Tensors are 1-D, contiguous, fp32 or fp64, all on
// one device; on CUDA everything is enqueued on the current stream and no value visits the host.
#pragma once

#include <cstdint>
#include <span>

#include <ATen/core/Tensor.h>

#include "ops/adamw_formula.hpp"

namespace muster::ops {

// Elements [begin, end) of a segment and how they are trained.
struct PieceRate {
  std::int64_t begin = 0;
  std::int64_t end = 0;
  double lr = 0;
  double weight_decay = 0;
};

// kSumWords zeros (int64) on the device of `like`.
at::Tensor make_sum_words(const at::Tensor& like);
// A StepScalars in memory of the device of `like`.
at::Tensor make_step_scalars(const at::Tensor& like, const StepScalars& value);
// Waits for the device.
StepScalars read_step_scalars(const at::Tensor& scalars);

// Adds the squares of `gradient`, whose first element starts a tile of its segment: fp64 inside each tile of 64 elements,
// in the order of a binary tree, and exact between tiles. So a segment cut at tiles gives the same words.
void add_squares(const at::Tensor& gradient, at::Tensor& sum_words);

// advance() of adamw_formula.hpp where the tensors live; zeroes the words for the next step.
void advance_step(at::Tensor& scalars, at::Tensor& sum_words, double max_norm, const AdamWConstants& constants);

// One step on every piece, or nothing where scalars.applied is 0. Elements outside the pieces are not touched.
void adamw_step(at::Tensor& parameter, const at::Tensor& gradient, at::Tensor& moment1, at::Tensor& moment2,
                std::span<const PieceRate> pieces, const AdamWConstants& constants, const at::Tensor& scalars);

}  // namespace muster::ops
