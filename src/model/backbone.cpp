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
      rope_rescale_(frozen_blocks > 0 ? 1 : options.rope_rescale),
      rescale_per_block_(options.form == "lightly_train"),
      stem_(row, frozen_blocks == 0),
      periods_(rope_periods(row.head_dim(), at::TensorOptions(build.dtype).device(build.device))) {
  buffers_.push_back({.name = "backbone.rope_embed.periods", .tensor = periods_});
  for (int i = 0; i < row.depth; ++i) {
    blocks_.emplace_back(row, i, options.layerscale_init, i >= frozen_blocks);
    if (row.qkv_bias) {
      bias_masks_.push_back(fresh_bias_mask(row.dim, periods_.options()));
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

at::Tensor Backbone::stem(BlockRunner& runner, const at::Tensor& images, BlockContext& context, const PassKey& key) const {
  check(images.dim() == 4 && images.size(1) == 3, "images are [B, 3, H, W], not {} dims with {} channels", images.dim(), images.size(1));
  context.grid_height = images.size(2) / row_.patch;
  context.grid_width = images.size(3) / row_.patch;
  if (context.patches() == 0) {
    throw ConfigError("images of {} x {} pixels hold no patch of {} x {}; use a larger image_size", images.size(2), images.size(3),
                      row_.patch, row_.patch);
  }
  return runner.run(stem_, {images.to(periods_.scalar_type())}, context, key).at(0);
}

at::Tensor Backbone::block(BlockRunner& runner, int index, const at::Tensor& tokens, BlockContext context, const PassKey& key) const {
  const bool rescale = key.training && rope_rescale_ > 1;
  const double scale = rescale ? draw_rope_scale(key, rescale_per_block_ ? index : 0, rope_rescale_) : 1;
  const RopeTable table = rope_table(periods_, context.grid_height, context.grid_width, scale);
  context.rope_cos = table.cos;
  context.rope_sin = table.sin;
  if (row_.qkv_bias) {
    context.buffers = {bias_masks_[static_cast<std::size_t>(index)]};
  }
  return runner.run(blocks_[static_cast<std::size_t>(index)], {tokens}, context, key).at(0);
}

std::vector<NamedTensor> named_features(const at::Tensor& tokens, int queries, int storage_tokens) {
  const std::int64_t first_patch = queries + 1 + storage_tokens;
  return {{.name = "cls", .tensor = tokens.select(1, queries)},
          {.name = "storage", .tensor = tokens.narrow(1, queries + 1, storage_tokens)},
          {.name = "patches", .tensor = tokens.narrow(1, first_patch, tokens.size(1) - first_patch)}};
}

}  // namespace muster::model
