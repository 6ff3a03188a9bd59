// Binary cross entropy and dice of matched masks at points, with their gradients.
#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include "model/loss_options.hpp"
#include "model/mask_targets.hpp"
#include "model/matcher.hpp"
#include "model/point_sampling.hpp"

namespace muster::model {

// [2]: sums over all matched masks of a batch of
//   bce  = mean over points of bce(x, t)                          x logit, t mask, both bilinear at the point
//   dice = 1 - (2 sum(s t) + 1) / (sum(s) + sum(t) + 1)           s = sigmoid(x)
// at `num_points` points of each mask: the `uncertain_points()` of its candidates whose logits are nearest to zero, and the
// fresh ones. With `excludes_void` points beside void pixels have weight 0: sums carry it, and the mean is over the weights,
// at least 1. Differentiable once by the mask logits (fp32 or fp64, CPU): each mask's gradient is added up by one thread in
// the order of its points, so its bits do not depend on threads. Zero where nothing is matched.
// Source: Cheng et al. 2022, arXiv:2112.01527, section 3.3; Kirillov et al. 2020 (PointRend), arXiv:1912.08193, section 3.1.
at::Tensor point_losses(const at::Tensor& mask_logits_BQhw, const MaskTargets& targets, const Matching& matching,
                        const MaskLossOptions& options, bool excludes_void, int layer, const PointSource& points);

}  // namespace muster::model
