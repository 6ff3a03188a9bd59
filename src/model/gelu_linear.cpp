#include "model/gelu_linear.hpp"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/gelu.h>
#include <torch/csrc/autograd/custom_function.h>

#include "model/gelu_kernel.hpp"
#include "model/layers.hpp"

namespace muster::model {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

RowShape product_shape(const at::Tensor& x) {
  return {.rows = x.numel() / x.size(-1), .dim = x.size(-1)};
}

void run_forward(const at::Tensor& product, const at::Tensor& bias, at::Tensor& out) {
  gelu_forward(product_shape(product), product.const_data_ptr<float>(), bias.const_data_ptr<float>(), out.mutable_data_ptr<float>());
}

class BiasGelu : public torch::autograd::Function<BiasGelu> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& product, const at::Tensor& bias) {
    at::Tensor out = at::empty_like(product);
    run_forward(product, bias, out);
    context->save_for_backward({product, bias});
    return out;
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const variable_list saved = context->get_saved_variables();
    const at::Tensor &product = saved[0], &bias = saved[1], gradient = gradients[0].contiguous();
    const RowShape shape = product_shape(product);
    at::Tensor product_gradient = at::empty_like(product), bias_sums = at::empty({shape.chunks(), shape.dim}, product.options());
    gelu_backward(shape, gradient.const_data_ptr<float>(), product.const_data_ptr<float>(), bias.const_data_ptr<float>(),
                  product_gradient.mutable_data_ptr<float>(), bias_sums.mutable_data_ptr<float>());
    return {product_gradient, bias_sums.sum(0)};
  }
};

}  // namespace

at::Tensor gelu_linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  if (!weight.is_cpu() || weight.scalar_type() != at::kFloat || bias.scalar_type() != at::kFloat) {
    return activated(linear(x, weight, bias));
  }
  at::Tensor product = linear(x, weight, at::Tensor());
  if (at::GradMode::is_enabled()) {
    return BiasGelu::apply(product, bias);
  }
  run_forward(product, bias, product);
  return product;
}

}  // namespace muster::model
