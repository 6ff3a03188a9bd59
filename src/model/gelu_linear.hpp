// The first half of a feed-forward: gelu(W x + b), by erf.
#pragma once

#include <ATen/core/Tensor.h>

namespace muster::model {

// x [..., in], weight [out, in], bias [out] -> [..., out], computed in the weight's type. In float on the CPU bias and GELU are one
// pass behind the product (gelu_kernel.hpp), in place where no graph is recorded; else LibTorch's operators.
at::Tensor gelu_linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias);

}  // namespace muster::model
