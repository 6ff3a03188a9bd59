// A patch embedding for another patch size or another number of channels than it was trained with.
#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

namespace muster::model {

// Kernel [D, C, p, p] -> [D, C, new_patch, new_patch] whose products with resized patches are, in least squares, those of the old
// kernel with the patches as they were: each flat kernel times pinv(R), R [new_patch^2, p^2] the bicubic, antialiased resize of
// a patch as a matrix. R, its inverse and the product are computed in fp32 (fp64 kernels: the product in fp64), the result has
// the kernel's type. The kernel itself where the size is the same.
// Source: Beyer et al. 2023, "FlexiViT: One model for all patch sizes", arXiv:2212.08013, section 3.4 ("PI-resize").
at::Tensor resample_patch_kernel(const at::Tensor& kernel, std::int64_t new_patch);

// Kernel [D, C, p, p] -> [D, channels, p, p]: channel i is channel i mod C of the kernel, unscaled. So more channels repeat the
// kernel's cyclically and fewer are its first. Source: LightlyTrain.
at::Tensor repeat_channels(const at::Tensor& kernel, std::int64_t channels);

}  // namespace muster::model
