// Which query answers for which mask.
#pragma once

#include <vector>

#include <ATen/core/Tensor.h>

#include "model/loss_options.hpp"
#include "model/mask_targets.hpp"
#include "model/point_sampling.hpp"

namespace muster::model {

// B batch, Q queries, K classes and "no object", h by w the resolution of mask logits
struct Matching {
  std::vector<std::vector<int>> query_of_mask;  // per image and mask; -1 where there are more masks than queries
  std::int64_t matched() const noexcept;
};

// Pairs masks with queries at least total cost, each image for itself:
//   cost(mask, query) = mask_coefficient * bce + dice_coefficient * dice - class_coefficient * softmax(class logits)[label]
// with bce and dice over the image's points; clamped to +-1e10, NaN = 0. `layer` counts the predictions. Takes no part in
// gradients. Logits are CPU tensors, both fp32 or both fp64. With `excludes_void` void points weigh nothing.
// Source: Carion et al. 2020, arXiv:2005.12872, section 3.1; Cheng et al. 2022, arXiv:2112.01527, section 3.3.
Matching match_masks(const at::Tensor& mask_logits_BQhw, const at::Tensor& class_logits_BQK, const MaskTargets& targets,
                     const MaskLossOptions& options, bool excludes_void, int layer, const PointSource& points);

}  // namespace muster::model
