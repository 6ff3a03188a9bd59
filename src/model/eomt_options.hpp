// What a recipe says about an EoMT model: the keys of `model_args.*` that shape the network (LightlyTrain's names; those
// marked ours are not in the reference documents).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/options.hpp"

namespace muster::model {

struct EomtOptions {
  int num_queries = 100;
  int num_joint_blocks = 0;                                   // 0 = by the size of the backbone: 3, 4 (large) or 5 (huge)
  std::vector<std::int64_t> attn_mask_annealing_steps_start;  // optimizer steps, one per joint block; empty = equal phases
  std::vector<std::int64_t> attn_mask_annealing_steps_end;
  bool backbone_freeze = false;
  std::string backbone_weights;
  std::string backbone_url;
  std::string form = "lightly_train";
  double layerscale_init = 1e-5;
  double rope_rescale = 2.0;
};

template <class Visitor>
void visit(Visitor& v, EomtOptions& o) {
  v.field("num_queries", o.num_queries, at_least(1), "learned queries, each of which predicts one mask and its class");
  v.field("num_joint_blocks", o.num_joint_blocks, at_least(0), "last blocks that see queries and patches; 0 = by the backbone's size");
  v.field("attn_mask_annealing_steps_start", o.attn_mask_annealing_steps_start, any_value(),
          "first step at which a joint block's attention masks begin to vanish, one per joint block; empty = equal phases");
  v.field("attn_mask_annealing_steps_end", o.attn_mask_annealing_steps_end, any_value(),
          "step from which a joint block has no attention masks, one per joint block; empty = equal phases");
  v.field("backbone_freeze", o.backbone_freeze, any_value(), "keep everything before the first joint block fixed");
  v.field("backbone_weights", o.backbone_weights, any_value(), "file with the backbone's weights");
  v.field("backbone_url", o.backbone_url, any_value(), "address of the backbone's weights");
  v.field("form", o.form, one_of({"lightly_train", "upstream", "hf"}),
          "whose details where published code differs: epsilon of the upscaling norm, RoPE rescale per block or pass, DINOv2's positions "
          "and odd sizes (ours)");
  v.field("layerscale_init", o.layerscale_init, at_least(0), "LayerScale of a backbone that starts from random weights (ours)");
  v.field("rope_rescale", o.rope_rescale, at_least(1), "coordinates are scaled by exp(uniform(-ln r, ln r)) in training; 1 = off (ours)");
}

// What a form decides; the rest is in patch_remainder.hpp and position.hpp.
//   lightly_train  LightlyTrain
//   upstream       tue-mps/eomt; for a bare backbone, Meta
//   hf             transformers
// In evaluation all three predict without attention masks: LightlyTrain always, upstream as its README says
// (masked_attn_enabled=False), transformers because a trained file's attn_mask_probs are 0. A MaskPlan asks for them.
double upscale_norm_eps(std::string_view form);
// Whether each block draws a RoPE rescale of its own in training, or one serves the whole pass.
bool rescales_per_block(std::string_view form);

// Throws ConfigError: an unknown form, annealing lists of unequal length, not one entry per joint block, or a window that ends before it
// starts.
void validate(const EomtOptions& options);

}  // namespace muster::model
