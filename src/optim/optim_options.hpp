// Optimizer and schedule of a fine-tuning run: keys of `model_args`, with the names of the reference documents.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "core/error.hpp"
#include "core/options.hpp"

namespace muster::optim {

struct OptimOptions {
  double lr = 1e-4;  // for a global batch of 16; scaled by sqrt(batch / 16)
  double weight_decay = 0.05;
  double llrd = 0.8;                        // block i of L learns at llrd^(L-1-i) of the rate
  std::optional<double> llrd_joint_blocks;  // none: joint blocks follow `llrd`; 1.0: they learn at the full rate
  std::vector<std::int64_t> lr_warmup_steps{500, 1000};
  double poly_power = 0.9;
  double gradient_clip_val = 0.01;  // global L2 norm; 0 = no clipping
  // Ours, beside the reference's names.
  double beta1 = 0.9;
  double beta2 = 0.999;
  double eps = 1e-8;
  bool cap_warmup = true;  // at steps/10 and steps/5, so that short runs train at all
};

template <class Visitor>
void visit(Visitor& v, OptimOptions& o) {
  v.field("lr", o.lr, more_than(0), "learning rate of the heads for a global batch of 16; scaled by sqrt(batch_size / 16)");
  v.field("weight_decay", o.weight_decay, at_least(0), "decoupled weight decay of matrices; norms, biases, tokens, queries have none");
  v.field("llrd", o.llrd, Range{.low = 0, .high = 1, .open_low = true, .choices = {}},
          "layer-wise decay: block i of L learns at lr * llrd^(L-1-i)");
  v.field("llrd_joint_blocks", o.llrd_joint_blocks, Range{.low = 0, .high = 1, .open_low = true, .choices = {}},
          "the same for the joint blocks alone; 1.0 = full rate, none = as llrd");
  v.field("lr_warmup_steps", o.lr_warmup_steps, at_least(0), "[w1, w2]: heads warm up over w1 steps, then the backbone over w2");
  v.field("poly_power", o.poly_power, at_least(0), "power of the polynomial decay after warm-up");
  v.field("gradient_clip_val", o.gradient_clip_val, at_least(0), "largest global gradient norm; 0 = no clipping");
  v.field("beta1", o.beta1, Range{.low = 0, .high = 0.9999999, .choices = {}}, "AdamW: decay of the first moment");
  v.field("beta2", o.beta2, Range{.low = 0, .high = 0.9999999, .choices = {}}, "AdamW: decay of the second moment");
  v.field("eps", o.eps, more_than(0), "AdamW: added to the root of the second moment");
  v.field("cap_warmup", o.cap_warmup, any_value(), "cap the warm-ups at steps/10 and steps/5");
}

inline void validate(const OptimOptions& o) {
  if (o.lr_warmup_steps.size() != 2) {
    throw ConfigError(
        "model_args.lr_warmup_steps has {} values; it takes two, [w1, w2]: steps for the heads, then for the backbone, e.g. [500, 1000]",
        o.lr_warmup_steps.size());
  }
}

}  // namespace muster::optim
