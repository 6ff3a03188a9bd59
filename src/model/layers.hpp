// The few layers that all units share, in mixed precision as autocast does it: matrices say in which type a product is
// computed, norms are computed in the wider type.
#pragma once

#include <ATen/core/Tensor.h>

namespace muster::model {

// x [..., in] * weight [out, in] + bias [out], in the weight's type; `bias` may be undefined.
at::Tensor linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias);

// Over the last dim of x, in the type of `weight` (fp32 where matrices are bf16).
at::Tensor layer_norm(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, double eps);

}  // namespace muster::model
