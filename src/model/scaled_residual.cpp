#include "model/scaled_residual.hpp"

#include <ATen/Dispatch.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/addcmul.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <torch/csrc/autograd/custom_function.h>

#include "model/layers.hpp"
#include "model/scaled_residual_kernel.hpp"

namespace muster::model {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

RowShape residual_shape(const at::Tensor& x) {
  return {.rows = x.numel() / x.size(-1), .dim = x.size(-1)};
}

// x + gamma * (product + bias) into `out`, which may be x. All of one type, contiguous, on the CPU.
void add_scaled(const at::Tensor& x, const at::Tensor& product, const at::Tensor& bias, const at::Tensor& gamma, at::Tensor& out) {
  AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "add_scaled", [&] {
    using T = scalar_t;
    add_scaled_forward<T>(residual_shape(x), x.const_data_ptr<T>(), product.const_data_ptr<T>(), bias.const_data_ptr<T>(),
                          gamma.const_data_ptr<T>(), out.mutable_data_ptr<T>());
  });
}

class AddScaled : public torch::autograd::Function<AddScaled> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& product, const at::Tensor& bias,
                            const at::Tensor& gamma) {
    at::Tensor out = at::empty_like(x);
    add_scaled(x, product, bias, gamma, out);
    context->save_for_backward({product, bias, gamma});
    return out;
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const variable_list saved = context->get_saved_variables();
    const at::Tensor &product = saved[0], &bias = saved[1], &gamma = saved[2], gradient = gradients[0].contiguous();
    const RowShape shape = residual_shape(gradient);
    at::Tensor product_gradient = at::empty_like(gradient), sums = at::empty({shape.chunks(), 2, shape.dim}, gradient.options());
    AT_DISPATCH_FLOATING_TYPES(gradient.scalar_type(), "add_scaled_backward", [&] {
      using T = scalar_t;
      add_scaled_backward<T>(shape, gradient.const_data_ptr<T>(), product.const_data_ptr<T>(), bias.const_data_ptr<T>(),
                             gamma.const_data_ptr<T>(), product_gradient.mutable_data_ptr<T>(), sums.mutable_data_ptr<T>());
    });
    const at::Tensor total = sums.sum(0);  // [2, D]
    return {gradient, product_gradient, total[0], total[1]};
  }
};

}  // namespace

at::Tensor add_scaled_linear(const at::Tensor& x, Residual use, const at::Tensor& y, const at::Tensor& weight, const at::Tensor& bias,
                             const at::Tensor& gamma) {
  const at::ScalarType type = x.scalar_type();
  const bool one_type = weight.scalar_type() == type && bias.scalar_type() == type && gamma.scalar_type() == type;
  if (!x.is_cpu() || !x.is_contiguous() || !one_type || (type != at::kFloat && type != at::kDouble)) {
    return at::addcmul(x, linear(y, weight, bias).to(type), gamma);
  }
  const at::Tensor product = linear(y, weight, at::Tensor());
  if (at::GradMode::is_enabled()) {
    return AddScaled::apply(x, product, bias, gamma);
  }
  at::Tensor out = use == Residual::kReused ? x : product;
  add_scaled(x, product, bias, gamma, out);
  return out;
}

}  // namespace muster::model
