#include "model/rope.hpp"

#include <array>
#include <cmath>
#include <numbers>
#include <type_traits>

#include <ATen/Dispatch.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>
#include <torch/csrc/autograd/custom_function.h>

#include "core/error.hpp"
#include "core/random.hpp"
#include "model/layers.hpp"
#include "model/rope_kernel.hpp"

namespace muster::model {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr double kBase = 100;

// 2 (i + 0.5) / count - 1 for i in [0, count)
at::Tensor centres(std::int64_t count, const at::TensorOptions& options) {
  return (at::arange(count, options) + 0.5) / static_cast<double>(count) * 2 - 1;
}

RopeShape shape_of(at::IntArrayRef heads, std::int64_t patches) {
  return {.batch = heads[0], .tokens = heads[2], .heads = heads[1], .half = heads[3] / 2, .patches = patches};
}

template <class T, class Tensors>
std::array<HeadsAt<T>, 3> parts_of(const Tensors& tensors) {
  std::array<HeadsAt<T>, 3> parts;
  for (std::size_t i = 0; i < 3; ++i) {
    const at::Tensor& tensor = tensors[i];
    check(tensor.stride(3) == 1, "heads with gaps of {} between their lanes", tensor.stride(3));
    parts[i].data = const_cast<T*>(tensor.const_data_ptr<std::remove_const_t<T>>());  // written only where T is not const
    parts[i].strides = {tensor.stride(0), tensor.stride(1), tensor.stride(2)};
  }
  return parts;
}

// float or double on the CPU, table and projection of one type.
class SplitAndRotate : public torch::autograd::Function<SplitAndRotate> {
 public:
  static variable_list forward(AutogradContext* context, const at::Tensor& qkv, const at::Tensor& bias, std::int64_t heads,
                               const at::Tensor& cos, const at::Tensor& sin) {
    const at::Tensor joint = qkv.contiguous();
    const std::int64_t head_dim = joint.size(2) / (3 * heads);
    variable_list parts;
    for (int i = 0; i < 3; ++i) {
      parts.push_back(at::empty({joint.size(0), heads, joint.size(1), head_dim}, joint.options()));
    }
    AT_DISPATCH_FLOATING_TYPES(joint.scalar_type(), "split_and_rotate", [&] {
      using T = scalar_t;
      split_and_rotate_forward<T>(shape_of(parts[0].sizes(), cos.size(0)), joint.const_data_ptr<T>(), bias.const_data_ptr<T>(),
                                  cos.const_data_ptr<T>(), sin.const_data_ptr<T>(), parts_of<T>(parts));
    });
    context->save_for_backward({cos, sin});
    return parts;
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const variable_list saved = context->get_saved_variables();
    const at::Tensor &cos = saved[0], &sin = saved[1];
    for (at::Tensor& gradient : gradients) {
      gradient = gradient.stride(3) == 1 ? gradient : gradient.contiguous();
    }
    const RopeShape shape = shape_of(gradients[0].sizes(), cos.size(0));
    at::Tensor joint = at::empty({shape.batch, shape.tokens, 3 * shape.heads * shape.head_dim()}, gradients[0].options());
    AT_DISPATCH_FLOATING_TYPES(joint.scalar_type(), "split_and_rotate_backward", [&] {
      using T = scalar_t;
      split_and_rotate_backward<T>(shape, parts_of<const T>(gradients), cos.const_data_ptr<T>(), sin.const_data_ptr<T>(),
                                   joint.mutable_data_ptr<T>());
    });
    const at::Tensor bias = context->needs_input_grad(kBias) ? joint.sum(at::IntArrayRef({0, 1})) : at::Tensor();
    return {joint, bias, at::Tensor(), at::Tensor(), at::Tensor()};
  }

 private:
  static constexpr std::size_t kBias = 1;  // place among the tensors of forward()
};

bool one_type_on_cpu(const at::Tensor& x, const at::Tensor& cos, const at::Tensor& bias) {
  const at::ScalarType type = x.scalar_type();
  return x.is_cpu() && (type == at::kFloat || type == at::kDouble) && (!cos.defined() || cos.scalar_type() == type) &&
         (!bias.defined() || bias.scalar_type() == type);
}

// The last P tokens of part [B, h, N, dh] turned, with LibTorch's operators.
at::Tensor turn_tail(const at::Tensor& part, const at::Tensor& cos, const at::Tensor& sin) {
  const std::int64_t prefix = part.size(2) - cos.size(0), half = cos.size(1);
  const at::Tensor tail = part.narrow(2, prefix, cos.size(0)).to(cos.scalar_type());
  const at::Tensor a = tail.narrow(3, 0, half), b = tail.narrow(3, half, half);
  const at::Tensor turned = at::cat({a * cos - b * sin, b * cos + a * sin}, 3);
  return at::cat({part.narrow(2, 0, prefix), turned.to(part.scalar_type())}, 2);
}

}  // namespace

at::Tensor rope_periods(int head_dim, const at::TensorOptions& options) {
  check(head_dim > 0 && head_dim % 4 == 0, "RoPE needs a head size divisible by 4, not {}", head_dim);
  const int count = head_dim / 4;
  at::Tensor periods = at::empty({count}, at::kDouble);
  for (int i = 0; i < count; ++i) {
    periods.mutable_data_ptr<double>()[i] = std::pow(kBase, static_cast<double>(i) / count);
  }
  return periods.to(options);
}

RopeTable rope_table(const at::Tensor& periods, std::int64_t grid_height, std::int64_t grid_width, double scale) {
  const std::int64_t n = periods.size(0);
  const at::Tensor y = centres(grid_height, periods.options()) * scale;
  const at::Tensor x = centres(grid_width, periods.options()) * scale;
  const at::Tensor coordinates =
      at::stack({y.view({-1, 1}).expand({grid_height, grid_width}), x.view({1, -1}).expand({grid_height, grid_width})}, 2);  // [Gh, Gw, 2]
  const at::Tensor angles =
      (2 * std::numbers::pi * coordinates.view({-1, 2, 1}) / periods).view({grid_height * grid_width, 2 * n});  // y's, then x's
  return {.cos = angles.cos(), .sin = angles.sin()};
}

double draw_rope_scale(const PassKey& key, std::int64_t site, double r) {
  const RandomSequence random(key.seed, RandomStream::kRope, static_cast<std::uint32_t>(site), 0, static_cast<std::uint32_t>(key.step));
  return std::exp(random.uniform(0, -std::log(r), std::log(r)));
}

QkvHeads split_and_rotate(const at::Tensor& qkv, std::int64_t heads, const at::Tensor& cos, const at::Tensor& sin, const at::Tensor& bias) {
  if (one_type_on_cpu(qkv, cos, bias)) {
    const at::Tensor no_angles = cos.defined() ? at::Tensor() : at::empty({0, 1}, qkv.options());
    const variable_list parts = SplitAndRotate::apply(qkv, bias.defined() ? bias : at::zeros({qkv.size(2)}, qkv.options()), heads,
                                                      cos.defined() ? cos : no_angles, cos.defined() ? sin : no_angles);
    return {.q = parts[0], .k = parts[1], .v = parts[2]};
  }
  const at::Tensor joint = bias.defined() ? qkv + bias.to(qkv.scalar_type()) : qkv;
  const std::vector<at::Tensor> parts =
      joint.view({joint.size(0), joint.size(1), 3, heads, -1}).permute({2, 0, 3, 1, 4}).unbind(0);  // three of [B, h, N, dh]
  if (!cos.defined()) {
    return {.q = parts[0], .k = parts[1], .v = parts[2]};
  }
  return {.q = turn_tail(parts[0], cos, sin), .k = turn_tail(parts[1], cos, sin), .v = parts[2]};
}

QkvHeads project_heads(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, std::int64_t heads, const at::Tensor& cos,
                       const at::Tensor& sin) {
  if (one_type_on_cpu(weight, cos, bias)) {
    return split_and_rotate(linear(x, weight, at::Tensor()), heads, cos, sin, bias);
  }
  return split_and_rotate(linear(x, weight, bias), heads, cos, sin);
}

}  // namespace muster::model
