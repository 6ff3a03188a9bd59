#include "model/rope.hpp"

#include <cmath>
#include <numbers>

#include <ATen/Dispatch.h>
#include <ATen/Parallel.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/stack.h>
#include <torch/csrc/autograd/custom_function.h>

#include "core/error.hpp"
#include "core/random.hpp"

namespace muster::model {
namespace {

constexpr double kBase = 100;

// 2 (i + 0.5) / count - 1 for i in [0, count)
at::Tensor centres(std::int64_t count, const at::TensorOptions& options) {
  return (at::arange(count, options) + 0.5) / static_cast<double>(count) * 2 - 1;
}

// In place over qkv [B, N, 3, h, dh], contiguous: (a, b) -> (a cos - b sin, b cos + a sin) for the halves a, b of q and k of the
// last P tokens. `direction` -1 turns back, which is the gradient of turning.
template <class T>
void rotate_rows(T* __restrict qkv, const T* __restrict cos, const T* __restrict sin, std::int64_t rows, std::int64_t half, T direction) {
  for (std::int64_t row = 0; row < rows; ++row) {  // q's heads, then k's, side by side
    T* __restrict a = qkv + row * 2 * half;
    T* __restrict b = a + half;
    for (std::int64_t j = 0; j < half; ++j) {
      const T s = direction * sin[j];
      const T a_turned = a[j] * cos[j] - b[j] * s;
      b[j] = b[j] * cos[j] + a[j] * s;
      a[j] = a_turned;
    }
  }
}

void rotate_on_cpu(at::Tensor& qkv, const at::Tensor& cos, const at::Tensor& sin, int direction) {
  const std::int64_t batch = qkv.size(0), tokens = qkv.size(1), heads = qkv.size(3), half = qkv.size(4) / 2, patches = cos.size(0);
  AT_DISPATCH_FLOATING_TYPES(qkv.scalar_type(), "rotate", [&] {
    auto* const values = qkv.mutable_data_ptr<scalar_t>();
    const auto* const c = cos.const_data_ptr<scalar_t>();
    const auto* const s = sin.const_data_ptr<scalar_t>();
    at::parallel_for(0, batch * patches, 64, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        const std::int64_t image = i / patches, patch = i % patches;
        scalar_t* const token = values + (image * tokens + tokens - patches + patch) * 6 * heads * half;
        rotate_rows<scalar_t>(token, c + patch * half, s + patch * half, 2 * heads, half, static_cast<scalar_t>(direction));
      }
    });
  });
}

// The same with LibTorch's operators: other devices, and types narrower than the table.
void rotate_anywhere(at::Tensor& qkv, const at::Tensor& cos, const at::Tensor& sin, int direction) {
  const std::int64_t half = qkv.size(4) / 2, patches = cos.size(0);
  const at::Tensor turned = qkv.narrow(1, qkv.size(1) - patches, patches).narrow(2, 0, 2);  // [B, P, 2, h, dh]
  const at::Tensor c = cos.view({1, patches, 1, 1, half});
  const at::Tensor s = sin.view({1, patches, 1, 1, half}) * direction;
  const at::Tensor a = turned.narrow(4, 0, half).to(cos.scalar_type());
  const at::Tensor b = turned.narrow(4, half, half).to(cos.scalar_type());
  turned.copy_(at::cat({a * c - b * s, b * c + a * s}, 4));
}

void rotate(at::Tensor& qkv, const at::Tensor& cos, const at::Tensor& sin, int direction) {
  if (qkv.is_cpu() && qkv.is_contiguous() && qkv.scalar_type() == cos.scalar_type()) {
    rotate_on_cpu(qkv, cos, sin, direction);
  } else {
    rotate_anywhere(qkv, cos, sin, direction);
  }
}

class Rotation : public torch::autograd::Function<Rotation> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context, at::Tensor qkv, const at::Tensor& cos, const at::Tensor& sin) {
    context->mark_dirty({qkv});
    context->save_for_backward({cos, sin});
    rotate(qkv, cos, sin, 1);
    return qkv;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& gradients) {
    const auto saved = context->get_saved_variables();
    at::Tensor gradient = gradients[0].clone(at::MemoryFormat::Contiguous);
    rotate(gradient, saved[0], saved[1], -1);
    return {gradient, at::Tensor(), at::Tensor()};
  }
};

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

at::Tensor rotate_queries_and_keys(const at::Tensor& qkv, const at::Tensor& cos, const at::Tensor& sin) {
  return Rotation::apply(qkv, cos, sin);
}

}  // namespace muster::model
