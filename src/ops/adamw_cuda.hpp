// The CUDA side of adamw.hpp. Without CUDA the stand-ins in adamw_cuda_absent.cpp take their place and throw DeviceError.
#pragma once

#include <cstdint>
#include <span>

#include <ATen/core/Tensor.h>

#include "ops/adamw.hpp"

namespace muster::ops {

void add_squares_cuda(const at::Tensor& gradient, at::Tensor& sum_words);
void advance_step_cuda(at::Tensor& scalars, at::Tensor& sum_words, double max_norm, const AdamWConstants& constants);
void adamw_step_cuda(at::Tensor& parameter, const at::Tensor& gradient, at::Tensor& moment1, at::Tensor& moment2,
                     std::span<const PieceRate> pieces, const AdamWConstants& constants, const at::Tensor& scalars);

}  // namespace muster::ops
