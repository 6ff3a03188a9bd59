// The DINOv3 vision transformer as units: `stem` (patches and tokens) and `blocks.K`.
//
// B batch, N tokens, D width, h heads, dh = D / h, P patches, p patch size in pixels
#pragma once

#include "model/block.hpp"
#include "model/model_table.hpp"

namespace muster::model {

// images [B, 3, H, W] -> tokens [B, 1 + storage + P, D]: class token, storage tokens, patches row by row. Pixels right of and
// below the last whole patch are dropped.
class StemBlock final : public Block {
 public:
  StemBlock(const BackboneRow& row, bool trainable);
  const UnitSpec& unit() const override { return unit_; }
  TensorList forward(const TensorList& params, const TensorList& inputs, const BlockContext& context, const PassKey& key) const override;

 private:
  UnitSpec unit_;
  std::size_t cls_, storage_, weight_, bias_;
};

// tokens -> tokens: x += ls1 * attention(norm1 x); x += ls2 * feed_forward(norm2 x).
// Context: RoPE table, attention mask of the first Q tokens if any; buffers = {bias_mask [3D]} where qkv has a bias.
class TransformerBlock final : public Block {
 public:
  TransformerBlock(const BackboneRow& row, int index, double layerscale_init, bool trainable);
  const UnitSpec& unit() const override { return unit_; }
  TensorList forward(const TensorList& params, const TensorList& inputs, const BlockContext& context, const PassKey& key) const override;

 private:
  at::Tensor attention(const TensorList& params, const at::Tensor& x, const BlockContext& context) const;
  at::Tensor feed_forward(const TensorList& params, const at::Tensor& x) const;

  BackboneRow row_;
  UnitSpec unit_;
  std::size_t norm1_, qkv_, qkv_bias_ = 0, proj_, gamma1_, norm2_, ffn_, gamma2_;  // places in `params`; a bias follows its weight
};

}  // namespace muster::model
