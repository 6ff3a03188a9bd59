#include "model/mask_product.hpp"

#include <ATen/ops/bmm.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/zeros_like.h>
#include <torch/csrc/autograd/custom_function.h>

namespace muster::model {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

class MaskProduct : public torch::autograd::Function<MaskProduct> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& embeddings, const at::Tensor& pixels) {
    context->save_for_backward({embeddings, pixels});
    return at::bmm(embeddings, pixels.transpose(1, 2));
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const variable_list saved = context->get_saved_variables();
    const at::Tensor &embeddings = saved[0], &pixels = saved[1], &gradient = gradients[0];
    const at::Tensor used = gradient.any(-1);  // [B, Q], NaN counts
    at::Tensor embeddings_gradient = at::zeros_like(embeddings), pixels_gradient = at::empty_like(pixels);
    for (std::int64_t image = 0; image < embeddings.size(0); ++image) {
      const at::Tensor rows = used[image].nonzero().view({-1});
      const at::Tensor part = gradient[image].index_select(0, rows);  // [M, P]
      at::Tensor pixels_part = pixels_gradient[image];
      at::mm_out(pixels_part, part.t(), embeddings[image].index_select(0, rows));
      embeddings_gradient[image].index_copy_(0, rows, at::mm(part, pixels[image]));
    }
    return {embeddings_gradient, pixels_gradient};
  }
};

}  // namespace

at::Tensor mask_product(const at::Tensor& embeddings, const at::Tensor& pixels) {
  if (embeddings.is_cpu()) {
    return MaskProduct::apply(embeddings, pixels);
  }
  return at::bmm(embeddings, pixels.transpose(1, 2));
}

}  // namespace muster::model
