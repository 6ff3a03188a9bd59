#include "model/eomt.hpp"

#include "core/error.hpp"
#include "model/mask_annealing.hpp"

namespace muster::model {
namespace {

int joint_blocks_of(const BackboneRow& row, const EomtOptions& options) {
  const int blocks = options.num_joint_blocks == 0 ? row.joint_blocks : options.num_joint_blocks;
  if (blocks < 1 || blocks > row.depth) {
    throw ConfigError("model_args.num_joint_blocks={}: {} has {} blocks; give 1 to {}, or 0 for {}", blocks, row.name, row.depth, row.depth,
                      row.joint_blocks);
  }
  return blocks;
}

HeadShape head_shape(const BackboneRow& row, const EomtOptions& options, int num_classes) {
  if (num_classes < 1) {
    throw ConfigError("EoMT needs at least one class, not {}", num_classes);
  }
  return {.dim = row.dim,
          .norm_eps = row.norm_eps,
          .num_queries = options.num_queries,
          .num_classes = num_classes,
          .upscale_blocks = 2,  // max(1, ceil(log2 p) - 2) in LightlyTrain for its patches of 14 and 16; upstream's patch is always 16
          .upscale_eps = upscale_norm_eps(options.form)};
}

}  // namespace

EomtModel::EomtModel(std::string name, const BackboneRow& row, const EomtOptions& options, int num_classes, const BuildOptions& build)
    : name_(std::move(name)),
      joint_blocks_(joint_blocks_of(row, options)),
      backbone_(row, options, options.backbone_freeze ? row.depth - joint_blocks_ : 0, build),
      head_(std::make_shared<const HeadUnit>(head_shape(row, options, num_classes))),
      final_norm_(head_),
      query_block_(head_),
      prediction_(head_),
      units_(backbone_.units()) {
  units_.push_back(head_->spec);
}

EomtOutput EomtModel::forward(BlockRunner& runner, const at::Tensor& images, const PassKey& key, const MaskPlan& plan) const {
  const auto joint = static_cast<std::size_t>(joint_blocks_);
  check(plan.probabilities.empty() || plan.probabilities.size() == joint, "{} mask probabilities for {} joint blocks",
        plan.probabilities.size(), joint_blocks_);
  check(plan.given.empty() || plan.given.size() == joint, "{} attention masks for {} joint blocks", plan.given.size(), joint_blocks_);
  EomtOutput output;
  BlockContext context;
  const auto predict = [&] {
    TensorList logits = runner.run(prediction_, {output.tokens}, context, key);
    output.predictions.push_back({.mask_logits = logits.at(0), .class_logits = logits.at(1)});
  };

  output.tokens = backbone_.stem(runner, images, context, key);
  output.grid_height = context.grid_height;
  output.grid_width = context.grid_width;
  const int depth = backbone_.row().depth;
  for (int i = 0; i < depth; ++i) {
    const int joint_block = i - (depth - joint_blocks_);
    if (joint_block == 0) {
      output.tokens = runner.run(query_block_, {output.tokens}, context, key).at(0);
    }
    if (joint_block >= 0 && plan.every_prediction) {
      predict();
      context.attention_mask = joint_mask(output.predictions.back().mask_logits, joint_block, key, plan, context);
      output.attention_masks.push_back(context.attention_mask);
    }
    output.tokens = backbone_.block(runner, i, output.tokens, context, key);
    context.attention_mask = at::Tensor();
  }
  predict();
  return output;
}

// The attention mask before joint block `joint_block`; undefined where no query keeps one.
at::Tensor EomtModel::joint_mask(const at::Tensor& mask_logits, int joint_block, const PassKey& key, const MaskPlan& plan,
                                 const BlockContext& context) const {
  const auto k = static_cast<std::size_t>(joint_block);
  if (!plan.given.empty()) {
    return plan.given[k];
  }
  const double probability = plan.probabilities.empty() ? 1 : plan.probabilities[k];
  if (probability <= 0) {
    return {};
  }
  at::Tensor kept;
  if (probability < 1) {
    check(static_cast<std::int64_t>(key.sample_ids.size()) == mask_logits.size(0), "{} sample ids for {} images", key.sample_ids.size(),
          mask_logits.size(0));
    kept = draw_kept_masks(key, backbone_.row().depth - joint_blocks_ + joint_block, num_queries(), probability);
  }
  return attention_mask(mask_logits, kept, context.grid_height, context.grid_width);
}

std::vector<NamedTensor> EomtModel::outputs(BlockRunner& runner, const at::Tensor& images, bool every_prediction) const {
  const PassKey key;
  const EomtOutput output = forward(runner, images, key, MaskPlan{.every_prediction = every_prediction, .probabilities = {}, .given = {}});
  const at::Tensor normed = runner.run(final_norm_, {output.tokens}, BlockContext{}, key).at(0);
  std::vector<NamedTensor> named = named_features(normed, num_queries(), backbone_.row().storage_tokens);
  named.push_back({.name = "class_logits", .tensor = output.predictions.back().class_logits});
  named.push_back({.name = "mask_logits", .tensor = output.predictions.back().mask_logits});
  for (std::size_t i = 0; i + 1 < output.predictions.size(); ++i) {
    named.push_back({.name = "class_logits." + std::to_string(i), .tensor = output.predictions[i].class_logits});
    named.push_back({.name = "mask_logits." + std::to_string(i), .tensor = output.predictions[i].mask_logits});
  }
  return named;
}

}  // namespace muster::model
