// The backbone's blocks in a row, with the buffers and tables that they need. Shared by the bare model and EoMT.
#pragma once

#include <vector>

#include <ATen/core/Tensor.h>

#include "model/block.hpp"
#include "model/eomt_options.hpp"
#include "model/model.hpp"
#include "model/patch_remainder.hpp"
#include "model/rope.hpp"
#include "model/vit.hpp"

namespace muster::model {

class Backbone {
 public:
  // `frozen_blocks` > 0 freezes the stem and that many blocks, and switches the RoPE rescale off.
  Backbone(const BackboneRow& row, const EomtOptions& options, int frozen_blocks, const BuildOptions& build);

  const BackboneRow& row() const noexcept { return row_; }
  // `stem`, `blocks.0`, ...
  std::vector<UnitSpec> units() const;
  const std::vector<NamedTensor>& buffers() const noexcept { return buffers_; }

  // Tokens [B, 1 + storage + P, D] of images [B, channels, H, W]; sets the grid of `context` and, where all blocks share it, its
  // RoPE table. Throws ConfigError for a size that the row and the form refuse (patch_remainder).
  at::Tensor stem(BlockRunner& runner, const at::Tensor& images, BlockContext& context, const PassKey& key) const;

  // Block `index` over tokens whose last P are patches, in the context that stem() prepared; its mask is the caller's. Fills in
  // the buffers and, where each block draws its own, the RoPE table.
  at::Tensor block(BlockRunner& runner, int index, const at::Tensor& tokens, BlockContext context, const PassKey& key) const;

 private:
  bool one_table_per_block(const PassKey& key) const { return rescale_per_block_ && key.training && rope_rescale_ > 1; }
  void set_rope(BlockContext& context, const PassKey& key, int site) const;

  BackboneRow row_;
  at::ScalarType dtype_;
  PatchRemainder remainder_;
  double rope_rescale_;
  bool rescale_per_block_;
  StemBlock stem_;
  std::vector<TransformerBlock> blocks_;
  std::vector<NamedTensor> buffers_;
  at::Tensor periods_;                  // undefined where positions are learned
  std::vector<at::Tensor> bias_masks_;  // one per block; empty where the row has no key_bias_mask
};

// {"cls", "storage", "patches"} of tokens [B, Q + 1 + storage + P, D] after the final norm; the Q queries are left out, as is
// "storage" where there is none.
std::vector<NamedTensor> named_features(const at::Tensor& tokens, int queries, int storage_tokens);

}  // namespace muster::model
