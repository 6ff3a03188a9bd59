// Options of the mask-classification loss. The names are LightlyTrain's, so that its recipes port line by line.
#pragma once

#include <cstdint>
#include <string>

#include "core/error.hpp"
#include "core/options.hpp"

namespace muster::model {

// Keys `model_args.loss_*`: what is compared, and how the three terms are weighed. Defaults are those of Mask2Former
// (Cheng et al. 2022, arXiv:2112.01527, section 4.1) and of every EoMT recipe.
struct MaskLossOptions {
  std::int64_t num_points = 12544;  // per mask, and per image in the matcher: 112 x 112
  double oversample_ratio = 3.0;
  double importance_sample_ratio = 0.75;
  double mask_coefficient = 5.0;
  double dice_coefficient = 5.0;
  double class_coefficient = 2.0;
  double no_object_coefficient = 0.1;

  // Points per mask that are drawn as candidates, kept for their uncertainty, and drawn afresh. kept + fresh = num_points.
  std::int64_t candidate_points() const noexcept { return static_cast<std::int64_t>(static_cast<double>(num_points) * oversample_ratio); }
  std::int64_t uncertain_points() const noexcept {
    return static_cast<std::int64_t>(static_cast<double>(num_points) * importance_sample_ratio);
  }
  std::int64_t fresh_points() const noexcept { return num_points - uncertain_points(); }
};

template <class Visitor>
void visit(Visitor& v, MaskLossOptions& o) {
  v.field("loss_num_points", o.num_points, at_least(1), "points compared per mask, and per image when queries are matched");
  v.field("loss_oversample_ratio", o.oversample_ratio, at_least(1), "candidates drawn per point of the loss, the least certain are kept");
  v.field("loss_importance_sample_ratio", o.importance_sample_ratio, between(0, 1), "share of the points that are chosen by uncertainty");
  v.field("loss_mask_coefficient", o.mask_coefficient, at_least(0), "weight of the binary cross entropy of masks, in cost and loss");
  v.field("loss_dice_coefficient", o.dice_coefficient, at_least(0), "weight of the dice term, in cost and loss");
  v.field("loss_class_coefficient", o.class_coefficient, at_least(0), "weight of the class term, in cost and loss");
  v.field("loss_no_object_coefficient", o.no_object_coefficient, at_least(0), "class weight of queries that match nothing");
}

inline void validate(const MaskLossOptions& o) {
  if (o.candidate_points() < o.uncertain_points()) {
    throw ConfigError(
        "model_args.loss_oversample_ratio={} draws {} candidates, but loss_importance_sample_ratio={} keeps {}; raise the first "
        "or lower the second",
        o.oversample_ratio, o.candidate_points(), o.importance_sample_ratio, o.uncertain_points());
  }
}

// Keys `loss_args.*` (CONTRACTS 4).
struct LossOptions {
  std::string normalization = "global";  // denominators are summed over ranks and micro-steps; `rank` = the references' means
  std::string void_pixels = "negative";  // background of every mask; `excluded` = weight 0 everywhere

  bool excludes_void() const { return void_pixels == "excluded"; }
  bool per_rank() const { return normalization == "rank"; }
};

template <class Visitor>
void visit(Visitor& v, LossOptions& o) {
  v.field("normalization", o.normalization, one_of({"global", "rank"}),
          "divide by what the global batch holds, or by what a rank holds as the reference programs do");
  v.field("void", o.void_pixels, one_of({"negative", "excluded"}),
          "ignored pixels count as background of every mask, or not at all (for masks made by a model)");
}

// The ranges say everything.
inline void validate(const LossOptions&) {}

}  // namespace muster::model
