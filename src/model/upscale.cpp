#include "model/upscale.hpp"

#include <algorithm>

#include <ATen/Dispatch.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/gelu_backward.h>
#include <ATen/ops/zeros.h>
#include <torch/csrc/autograd/custom_function.h>

#include "model/layers.hpp"
#include "model/upscale_kernel.hpp"

namespace muster::model {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Images that are taken through all passes together: few, so that the map stays in the cache between passes, yet enough for
// every thread.
std::int64_t images_at_once(const QuadShape& shape) {
  const std::int64_t chunks_per_image = shape.chunks() / shape.batch;
  return std::clamp<std::int64_t>(2 * at::get_num_threads() / chunks_per_image, 1, shape.batch);
}

// Calls work(first image, shape of the group) for one group of images after the other.
template <class Work>
void for_each_group(const QuadShape& shape, const Work& work) {
  const std::int64_t step = images_at_once(shape);
  for (std::int64_t first = 0; first < shape.batch; first += step) {
    QuadShape group = shape;
    group.batch = std::min(step, shape.batch - first);
    work(first, group);
  }
}

// Data of images [first, ...) of a dense tensor of `batch` images.
template <class T>
T* images_of(at::Tensor& tensor, std::int64_t first, std::int64_t batch) {
  return tensor.mutable_data_ptr<T>() + tensor.numel() / batch * first;
}
template <class T>
const T* images_of(const at::Tensor& tensor, std::int64_t first, std::int64_t batch) {
  return tensor.const_data_ptr<T>() + tensor.numel() / batch * first;
}

// What the forward pass leaves behind, all of quads' type. `active` may be the quads, and `normed` may be `out`, where no backward
// pass will read them.
struct Passes {
  at::Tensor active;  // [B, H, W, 4 D]
  at::Tensor kernel;  // [9, D]
  at::Tensor out;     // [B, 2H, 2W, D]
  at::Tensor normed;  // before scale and shift
  at::Tensor rstd;    // [B 2H 2W]
};

QuadShape shape_of(const at::Tensor& quads, const at::Tensor& scale) {
  return {.batch = quads.size(0), .height = quads.size(1), .width = quads.size(2), .dim = scale.size(0)};
}

Passes make_passes(const at::Tensor& quads, const at::Tensor& weight, const at::Tensor& scale, bool keep) {
  const QuadShape shape = shape_of(quads, scale);
  Passes passes{.active = keep ? at::empty_like(quads) : quads,
                .kernel = weight.view({shape.dim, 9}).t().contiguous(),
                .out = at::empty({shape.batch, 2 * shape.height, 2 * shape.width, shape.dim}, quads.options()),
                .normed = {},
                .rstd = at::empty({shape.pixels()}, quads.options())};
  passes.normed = keep ? at::empty_like(passes.out) : passes.out;
  return passes;
}

void run_forward(const at::Tensor& quads, const at::Tensor& scale, const at::Tensor& shift, double eps, Passes& passes) {
  const QuadShape shape = shape_of(quads, scale);
  for_each_group(shape, [&](std::int64_t first, const QuadShape& group) {
    at::Tensor active_part = passes.active.narrow(0, first, group.batch);
    at::gelu_out(active_part, quads.narrow(0, first, group.batch));
    AT_DISPATCH_FLOATING_TYPES(quads.scalar_type(), "conv_norm_forward", [&] {
      using T = scalar_t;
      const auto part = [&](at::Tensor& tensor) { return images_of<T>(tensor, first, shape.batch); };
      conv_norm_forward<T>(group, part(passes.active), passes.kernel.const_data_ptr<T>(), scale.const_data_ptr<T>(),
                           shift.const_data_ptr<T>(), static_cast<T>(eps), part(passes.out), part(passes.normed), part(passes.rstd));
    });
  });
}

// Quads [B, H, W, 4 D] before GELU -> doubled map [B, 2H, 2W, D]. float or double on the CPU, all of one type.
class ActivateMixNormalise : public torch::autograd::Function<ActivateMixNormalise> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& quads, const at::Tensor& weight, const at::Tensor& scale,
                            const at::Tensor& shift, double eps) {
    Passes passes = make_passes(quads, weight, scale, true);
    run_forward(quads, scale, shift, eps, passes);
    context->save_for_backward({quads, passes.active, passes.kernel, scale, passes.normed, passes.rstd});
    return passes.out;
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const variable_list saved = context->get_saved_variables();
    const at::Tensor &quads = saved[0], &active = saved[1], &kernel = saved[2], &scale = saved[3], &normed = saved[4], &rstd = saved[5];
    const QuadShape shape = shape_of(quads, scale);
    const at::Tensor gradient = gradients[0].contiguous();
    at::Tensor quads_gradient = at::empty_like(quads), between = at::empty_like(normed.narrow(0, 0, images_at_once(shape)));
    at::Tensor sums = at::zeros({shape.chunks(), 11, shape.dim}, quads.options());
    for_each_group(shape, [&](std::int64_t first, const QuadShape& group) {
      AT_DISPATCH_FLOATING_TYPES(quads.scalar_type(), "conv_norm_backward", [&] {
        using T = scalar_t;
        const auto part = [&](const at::Tensor& tensor) { return images_of<T>(tensor, first, shape.batch); };
        conv_norm_backward<T>(group, part(active), kernel.const_data_ptr<T>(), scale.const_data_ptr<T>(), part(normed), part(rstd),
                              part(gradient), between.mutable_data_ptr<T>(), images_of<T>(quads_gradient, first, shape.batch),
                              images_of<T>(sums, first, shape.batch));
      });
      at::Tensor gradient_part = quads_gradient.narrow(0, first, group.batch);
      at::gelu_backward_out(gradient_part, gradient_part, quads.narrow(0, first, group.batch));
    });
    const at::Tensor total = sums.sum(0);  // [11, D]
    const at::Tensor weight_gradient = total.narrow(0, 0, 9).t().reshape({shape.dim, 1, 3, 3});
    return {quads_gradient, weight_gradient, total[9], total[10], at::Tensor()};
  }
};

// The same with LibTorch's operators: other devices, and matrices narrower than vectors.
at::Tensor activate_mix_normalise(const at::Tensor& quads, const UpscaleParameters& p, double eps) {
  const std::int64_t batch = quads.size(0), height = quads.size(1), width = quads.size(2), dim = p.norm_weight.size(0);
  const at::Tensor map = at::gelu(quads)
                             .view({batch, height, width, 2, 2, dim})
                             .permute({0, 1, 3, 2, 4, 5})
                             .reshape({batch, 2 * height, 2 * width, dim})
                             .permute({0, 3, 1, 2});
  const at::Tensor mixed = at::conv2d(map, p.conv2_weight, {}, 1, 1, 1, dim);
  return layer_norm(mixed.permute({0, 2, 3, 1}), p.norm_weight, p.norm_bias, eps);
}

}  // namespace

at::Tensor upscale_block(const at::Tensor& map, const UpscaleParameters& p, double eps) {
  const std::int64_t dim = map.size(3);
  // Kernel and stride are equal, so each input pixel makes its own 2x2 output pixels: one matrix product.
  const at::Tensor weight = p.conv1_weight.permute({2, 3, 1, 0}).reshape({4 * dim, dim});
  const at::Tensor quads = linear(map, weight, p.conv1_bias.repeat({4}));  // [B, H, W, 2 2 D]
  const at::ScalarType type = quads.scalar_type();
  if (quads.is_cpu() && (type == at::kFloat || type == at::kDouble) && p.norm_weight.scalar_type() == type) {
    if (at::GradMode::is_enabled()) {
      return ActivateMixNormalise::apply(quads, p.conv2_weight, p.norm_weight, p.norm_bias, eps);
    }
    Passes passes = make_passes(quads, p.conv2_weight, p.norm_weight, false);
    run_forward(quads, p.norm_weight, p.norm_bias, eps, passes);
    return passes.out;
  }
  return activate_mix_normalise(quads, p, eps);
}

}  // namespace muster::model
