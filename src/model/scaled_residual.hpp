// How a branch of a transformer block joins the stream: x + gamma * (W y + b), LayerScale's gamma per channel.
//
// Bias, scale and sum are one pass behind the product, forward and backward; with LibTorch's operators they are three, and two
// more for the gradients of gamma and b.
#pragma once

#include <ATen/core/Tensor.h>

namespace muster::model {

// Whether the stream's memory may take the sum. It does so only where no graph is recorded.
enum class Residual { kKept, kReused };

// x [..., D], y [..., in], weight [D, in], bias and gamma [D] -> [..., D] of x's type; the product is computed in the weight's type.
at::Tensor add_scaled_linear(const at::Tensor& x, Residual use, const at::Tensor& y, const at::Tensor& weight, const at::Tensor& bias,
                             const at::Tensor& gamma);

}  // namespace muster::model
