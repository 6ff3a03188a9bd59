#include "model/eomt_options.hpp"

#include "core/error.hpp"

namespace muster::model {

double upscale_norm_eps(std::string_view form) {
  return form == "lightly_train" ? 1e-5 : 1e-6;
}

bool rescales_per_block(std::string_view form) {
  return form == "lightly_train";
}

void validate(const EomtOptions& options) {
  if (options.form != "lightly_train" && options.form != "upstream" && options.form != "hf") {
    throw ConfigError("model_args.form={}: wanted lightly_train, upstream or hf", options.form);
  }
  const auto& start = options.attn_mask_annealing_steps_start;
  const auto& end = options.attn_mask_annealing_steps_end;
  if (start.size() != end.size()) {
    throw ConfigError(
        "model_args.attn_mask_annealing_steps_start has {} entries, model_args.attn_mask_annealing_steps_end {}; give one of each per "
        "joint "
        "block, or neither",
        start.size(), end.size());
  }
  if (!start.empty() && options.num_joint_blocks != 0 && start.size() != static_cast<std::size_t>(options.num_joint_blocks)) {
    throw ConfigError("model_args.attn_mask_annealing_steps_start has {} entries for {} joint blocks; give one per joint block",
                      start.size(), options.num_joint_blocks);
  }
  for (std::size_t k = 0; k < start.size(); ++k) {
    if (start[k] < 0 || end[k] < start[k]) {
      throw ConfigError("model_args.attn_mask_annealing_steps: joint block {} anneals from step {} to {}; wanted 0 <= start <= end", k,
                        start[k], end[k]);
    }
  }
}

}  // namespace muster::model
