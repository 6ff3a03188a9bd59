// The few layers that all units share, in mixed precision as autocast does it: matrices say in which type a product is
// computed, norms are computed in the wider type.
#pragma once

#include <ATen/core/Tensor.h>

namespace muster::model {

// x [..., in] * weight [out, in] + bias [out], in the weight's type; `bias` may be undefined.
at::Tensor linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias);

// Over the last dim of x, in the type of `weight` (fp32 where matrices are bf16).
at::Tensor layer_norm(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, double eps);

// The next two work in place where no graph is recorded (c10::InferenceMode, at::NoGradGuard): their first argument is a
// fresh result that nobody else reads, and reusing its memory spares inference a pass over a wide one.

// GELU, exact by erf.
at::Tensor activated(at::Tensor x);
// silu(gate) * x: SwiGLU between its projections.
at::Tensor gated(at::Tensor gate, const at::Tensor& x);

}  // namespace muster::model
