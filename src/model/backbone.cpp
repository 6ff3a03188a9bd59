#include "model/backbone.hpp"

#include <string>

#include <ATen/ops/ones.h>

#include "core/error.hpp"

namespace muster::model {
namespace {

// 1 for q and v, 0 for k: only from scratch. Files bring their own, which may be zero throughout.
at::Tensor fresh_bias_mask(std::int64_t dim, const at::TensorOptions& options) {
  at::Tensor mask = at::ones({3 * dim}, options);
  mask.narrow(0, dim, dim).zero_();
  return mask;
}

}  // namespace

Backbone::Backbone(const BackboneRow& row, const EomtOptions& options, int frozen_blocks, const BuildOptions& build)
    : row_(row),
      dtype_(build.dtype),
      remainder_(patch_remainder(row, options.form)),
      rope_rescale_(frozen_blocks > 0 ? 1 : options.rope_rescale),
      rescale_per_block_(rescales_per_block(options.form)),
      stem_(row, frozen_blocks == 0, position_resize(row, options.form)) {
  const auto tensor_options = at::TensorOptions(build.dtype).device(build.device);
  if (!row.learned_position()) {
    periods_ = rope_periods(row.head_dim(), tensor_options);
    buffers_.push_back({.name = "backbone.rope_embed.periods", .tensor = periods_});
  }
  for (int i = 0; i < row.depth; ++i) {
    blocks_.emplace_back(row, i, options.layerscale_init, i >= frozen_blocks);
    if (row.key_bias_mask()) {
      bias_masks_.push_back(fresh_bias_mask(row.dim, tensor_options));
      buffers_.push_back({.name = "backbone.blocks." + std::to_string(i) + ".attn.qkv.bias_mask", .tensor = bias_masks_.back()});
    }
  }
}

std::vector<UnitSpec> Backbone::units() const {
  std::vector<UnitSpec> units{stem_.unit()};
  for (const TransformerBlock& block : blocks_) {
    units.push_back(block.unit());
  }
  return units;
}

void Backbone::set_rope(BlockContext& context, const PassKey& key, int site) const {
  const double scale = key.training && rope_rescale_ > 1 ? draw_rope_scale(key, site, rope_rescale_) : 1;
  const RopeTable table = rope_table(periods_, context.grid_height, context.grid_width, scale);
  context.rope_cos = table.cos;
  context.rope_sin = table.sin;
}

at::Tensor Backbone::stem(BlockRunner& runner, const at::Tensor& images, BlockContext& context, const PassKey& key) const {
  check(images.dim() == 4 && images.size(1) == row_.channels, "images are [B, {}, H, W], not {} dims with {} channels", row_.channels,
        images.dim(), images.dim() > 1 ? images.size(1) : 0);
  const at::Tensor whole = settle_remainder(images.to(dtype_), row_, remainder_);
  context.grid_height = whole.size(2) / row_.patch;
  context.grid_width = whole.size(3) / row_.patch;
  at::Tensor tokens = runner.run(stem_, {whole}, context, key).at(0);
  if (!row_.learned_position() && !one_table_per_block(key)) {
    set_rope(context, key, 0);
  }
  return tokens;
}

at::Tensor Backbone::block(BlockRunner& runner, int index, const at::Tensor& tokens, BlockContext context, const PassKey& key) const {
  if (!row_.learned_position() && one_table_per_block(key)) {
    set_rope(context, key, index);
  }
  if (row_.key_bias_mask()) {
    context.buffers = {bias_masks_[static_cast<std::size_t>(index)]};
  }
  return runner.run(blocks_[static_cast<std::size_t>(index)], {tokens}, context, key).at(0);
}

std::vector<NamedTensor> named_features(const at::Tensor& tokens, int queries, int storage_tokens) {
  const std::int64_t first_patch = queries + 1 + storage_tokens;
  std::vector<NamedTensor> features{{.name = "cls", .tensor = tokens.select(1, queries)}};
  if (storage_tokens > 0) {
    features.push_back({.name = "storage", .tensor = tokens.narrow(1, queries + 1, storage_tokens)});
  }
  features.push_back({.name = "patches", .tensor = tokens.narrow(1, first_patch, tokens.size(1) - first_patch)});
  return features;
}

}  // namespace muster::model
