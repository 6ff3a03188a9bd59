// The backbone's blocks in a row, with the buffers and tables that they need. Shared by the bare model and EoMT.
#pragma once

#include <vector>

#include <ATen/core/Tensor.h>

#include "model/block.hpp"
#include "model/eomt_options.hpp"
#include "model/model.hpp"
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

  // Tokens [B, 1 + storage + P, D] of images [B, 3, H, W]; sets the grid of `context`.
  at::Tensor stem(BlockRunner& runner, const at::Tensor& images, BlockContext& context, const PassKey& key) const;

  // Block `index` over tokens whose last P are patches. Fills in the context's RoPE table and buffers; its grid and mask are the
  // caller's.
  at::Tensor block(BlockRunner& runner, int index, const at::Tensor& tokens, BlockContext context, const PassKey& key) const;

 private:
  BackboneRow row_;
  double rope_rescale_;
  bool rescale_per_block_;
  StemBlock stem_;
  std::vector<TransformerBlock> blocks_;
  std::vector<NamedTensor> buffers_;
  at::Tensor periods_;
  std::vector<at::Tensor> bias_masks_;  // one per block; empty where qkv has no bias
};

// {"cls", "storage", "patches"} of tokens [B, Q + 1 + storage + P, D] after the final norm; the Q queries are left out.
std::vector<NamedTensor> named_features(const at::Tensor& tokens, int queries, int storage_tokens);

}  // namespace muster::model
