#include "model/mask_loss.hpp"

#include <algorithm>

#include <ATen/TensorOperators.h>
#include <ATen/ops/full.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/nll_loss.h>
#include <ATen/ops/ones.h>

#include "core/error.hpp"
#include "model/mask_loss_points.hpp"

namespace muster::model {
namespace {

at::Tensor on_cpu_at_least_fp32(const at::Tensor& logits) {
  return logits.to(at::kCPU, logits.scalar_type() == at::kDouble ? at::kDouble : at::kFloat);
}

}  // namespace

MaskLossDenominators& MaskLossDenominators::operator+=(const MaskLossDenominators& other) {
  masks += other.masks;
  classes += other.classes;
  return *this;
}

MaskLoss::MaskLoss(const MaskLossOptions& options, const LossOptions& loss_options, std::int64_t classes, std::int64_t queries)
    : options_(options), excludes_void_(loss_options.excludes_void()), classes_(classes), queries_(queries) {}

MaskLossDenominators MaskLoss::denominators(const MaskTargets& targets) const {
  MaskLossDenominators sums;
  for (const ImageMasks& image : targets) {
    const auto matched = static_cast<double>(std::min<std::int64_t>(static_cast<std::int64_t>(image.labels.size()), queries_));
    sums += {.masks = matched, .classes = matched + options_.no_object_coefficient * (static_cast<double>(queries_) - matched)};
  }
  return sums;
}

MaskLossTerms MaskLoss::terms(int layer, const at::Tensor& mask_logits_BQhw, const at::Tensor& class_logits_BQK, const MaskTargets& targets,
                              const PointSource& points) const {
  const auto images = static_cast<std::int64_t>(targets.size());
  check(mask_logits_BQhw.dim() == 4 && mask_logits_BQhw.size(0) == images && mask_logits_BQhw.size(1) == queries_,
        "MaskLoss: mask logits with {} axes for {} images and {} queries", mask_logits_BQhw.dim(), images, queries_);
  check(class_logits_BQK.dim() == 3 && class_logits_BQK.size(0) == images && class_logits_BQK.size(1) == queries_ &&
            class_logits_BQK.size(2) == classes_ + 1,
        "MaskLoss: class logits with {} axes for {} images, {} queries and {} + 1 classes", class_logits_BQK.dim(), images, queries_,
        classes_);
  const at::Tensor mask_logits = on_cpu_at_least_fp32(mask_logits_BQhw);
  const at::Tensor class_logits = on_cpu_at_least_fp32(class_logits_BQK);
  const Matching matching = match_masks(mask_logits, class_logits, targets, options_, excludes_void_, layer, points);
  const at::Tensor sums = point_losses(mask_logits, targets, matching, options_, excludes_void_, layer, points);
  return {.mask = sums[0], .dice = sums[1], .classes = class_term(class_logits, targets, matching)};
}

at::Tensor MaskLoss::class_term(const at::Tensor& class_logits_BQK, const MaskTargets& targets, const Matching& matching) const {
  const auto images = static_cast<std::int64_t>(targets.size());
  at::Tensor target_BQ = at::full({images, queries_}, classes_, at::TensorOptions().dtype(at::kLong));
  std::int64_t* target = target_BQ.mutable_data_ptr<std::int64_t>();
  for (std::size_t image = 0; image < targets.size(); ++image) {
    for (std::size_t mask = 0; mask < matching.query_of_mask[image].size(); ++mask) {
      const int query = matching.query_of_mask[image][mask];
      if (query >= 0) {
        target[static_cast<std::int64_t>(image) * queries_ + query] = targets[image].labels[mask];
      }
    }
  }
  at::Tensor weight_K = at::ones({classes_ + 1}, class_logits_BQK.options().requires_grad(false));
  weight_K[classes_] = options_.no_object_coefficient;
  return at::nll_loss(at::log_softmax(class_logits_BQK.flatten(0, 1), -1), target_BQ.flatten(), weight_K, at::Reduction::Sum);
}

MaskLossTerms MaskLoss::scaled(const MaskLossTerms& terms, const MaskLossDenominators& divisors) const {
  const double masks = std::max(1.0, divisors.masks);
  return {.mask = terms.mask * (options_.mask_coefficient / masks),
          .dice = terms.dice * (options_.dice_coefficient / masks),
          .classes = terms.classes * (divisors.classes > 0 ? options_.class_coefficient / divisors.classes : 0.0)};
}

at::Tensor MaskLoss::weighted(const MaskLossTerms& terms, const MaskLossDenominators& divisors) const {
  const MaskLossTerms parts = scaled(terms, divisors);
  return parts.mask + parts.dice + parts.classes;
}

}  // namespace muster::model
