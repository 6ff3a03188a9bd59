// The loss of mask classification: every query predicts a class and a mask; masks are matched with queries, and each
// prediction is scored by binary cross entropy and dice of the matched masks and by a class loss over all queries.
//
// Each of the three terms has a numerator, given here, and a denominator that depends on targets alone, so that it can be
// summed over ranks and micro-steps before the forward pass (CONTRACTS 4).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <ATen/core/Tensor.h>

#include "model/loss_options.hpp"
#include "model/mask_targets.hpp"
#include "model/matcher.hpp"
#include "model/point_sampling.hpp"

namespace muster::model {

// B batch, Q queries, K classes and "no object" (index classes), h by w the resolution of mask logits

// Numerators of one prediction; scalars with gradients, of the logits' type (at least fp32).
struct MaskLossTerms {
  at::Tensor mask;     // sum over matched masks of the mean binary cross entropy over points
  at::Tensor dice;     // sum over matched masks of 1 - dice
  at::Tensor classes;  // sum over all queries of weight * cross entropy; weight 1, or no_object_coefficient
};

// What numerators are divided by, or sums of it over a batch, a rank, a step: they simply add.
struct MaskLossDenominators {
  double masks = 0;    // sum over images of min(M, Q)
  double classes = 0;  // matched + no_object_coefficient * unmatched queries

  MaskLossDenominators& operator+=(const MaskLossDenominators& other);
};

class MaskLoss {
 public:
  MaskLoss(const MaskLossOptions& options, const LossOptions& loss_options, std::int64_t classes, std::int64_t queries);

  MaskLossDenominators denominators(const MaskTargets& targets) const;

  // The terms of one prediction, which is matched for itself. `layer` counts predictions from 0. Logits of other devices and
  // of bf16 are brought to the CPU in fp32. A batch without masks has mask and dice terms 0.
  MaskLossTerms terms(int layer, const at::Tensor& mask_logits_BQhw, const at::Tensor& class_logits_BQK, const MaskTargets& targets,
                      const PointSource& points) const;

  // The terms with their coefficients and divisors: mask_coefficient * mask / max(1, masks), dice likewise, and
  // class_coefficient * classes / classes, which is 0 where its divisor is 0.
  MaskLossTerms scaled(const MaskLossTerms& terms, const MaskLossDenominators& divisors) const;
  // The scaled terms of one prediction added up. Given global denominators, the sum over predictions, ranks and micro-steps is
  // the loss of the step.
  at::Tensor weighted(const MaskLossTerms& terms, const MaskLossDenominators& divisors) const;

  const MaskLossOptions& options() const noexcept { return options_; }

 private:
  at::Tensor class_term(const at::Tensor& class_logits_BQK, const MaskTargets& targets, const Matching& matching) const;

  MaskLossOptions options_;
  bool excludes_void_;
  std::int64_t classes_;
  std::int64_t queries_;
};

}  // namespace muster::model
