// EoMT's upscaling: twice the height and width per block. Maps are [B, H, W, D], channels last, as the tokens already lie.
#pragma once

#include <ATen/core/Tensor.h>

namespace muster::model {

struct UpscaleParameters {
  at::Tensor conv1_weight;            // [D, D, 2, 2], input channel first, as ConvTranspose2d has it
  at::Tensor conv1_bias;              // [D]
  at::Tensor conv2_weight;            // [D, 1, 3, 3]
  at::Tensor norm_weight, norm_bias;  // [D]
};

// Transposed convolution (kernel 2, stride 2) -> GELU -> depthwise 3x3 convolution, no bias -> LayerNorm over channels.
at::Tensor upscale_block(const at::Tensor& map_BHWD, const UpscaleParameters& parameters, double eps);

}  // namespace muster::model
