#include "model/layers.hpp"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/silu.h>

namespace muster::model {

at::Tensor linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  const at::ScalarType type = weight.scalar_type();
  return at::linear(x.to(type), weight, bias.defined() ? bias.to(type) : bias);
}

at::Tensor layer_norm(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, double eps) {
  return at::layer_norm(x.to(weight.scalar_type()), weight.sizes(), weight, bias, eps);
}

at::Tensor activated(at::Tensor x) {
  return at::GradMode::is_enabled() ? at::gelu(x) : at::gelu_(x);
}

at::Tensor gated(at::Tensor gate, const at::Tensor& x) {
  if (at::GradMode::is_enabled()) {
    return at::silu(gate) * x;
  }
  // A half of a packed projection is not contiguous, as the next product wants its input.
  return (gate.is_contiguous() ? at::silu_(gate) : at::silu(gate)).mul_(x);
}

}  // namespace muster::model
