#include "model/layers.hpp"

#include <ATen/ops/layer_norm.h>
#include <ATen/ops/linear.h>

namespace muster::model {

at::Tensor linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  const at::ScalarType type = weight.scalar_type();
  return at::linear(x.to(type), weight, bias.defined() ? bias.to(type) : bias);
}

at::Tensor layer_norm(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, double eps) {
  return at::layer_norm(x.to(weight.scalar_type()), weight.sizes(), weight, bias, eps);
}

}  // namespace muster::model
