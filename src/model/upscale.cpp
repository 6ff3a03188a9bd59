#include "model/upscale.hpp"

#include <ATen/ops/conv2d.h>
#include <ATen/ops/gelu.h>

#include "model/layers.hpp"

namespace muster::model {

at::Tensor upscale_block(const at::Tensor& map, const UpscaleParameters& p, double eps) {
  const std::int64_t batch = map.size(0), height = map.size(1), width = map.size(2), dim = map.size(3);
  // Kernel and stride are equal, so each input pixel makes its own 2x2 output pixels: one product, then a reordering.
  const at::Tensor weight = p.conv1_weight.permute({2, 3, 1, 0}).reshape({4 * dim, dim});
  const at::Tensor bias = p.conv1_bias.repeat({4});
  const at::Tensor quads = at::gelu(linear(map, weight, bias));  // [B, H, W, 2 2 D]
  const at::Tensor grown =
      quads.view({batch, height, width, 2, 2, dim}).permute({0, 1, 3, 2, 4, 5}).reshape({batch, 2 * height, 2 * width, dim});
  const at::Tensor mixed = at::conv2d(grown.permute({0, 3, 1, 2}), p.conv2_weight.to(grown.scalar_type()), {}, 1, 1, 1, dim);
  return layer_norm(mixed.permute({0, 2, 3, 1}), p.norm_weight, p.norm_bias, eps);
}

}  // namespace muster::model
