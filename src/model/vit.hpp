// The DINOv2 and DINOv3 vision transformers as units: `stem` (patches and tokens) and `blocks.K`.
//
// B batch, N tokens, D width, h heads, dh = D / h, P patches, p patch size in pixels
#pragma once

#include "model/block.hpp"
#include "model/model_table.hpp"
#include "model/position.hpp"

namespace muster::model {

// images [B, channels, H, W] -> tokens [B, 1 + storage + P, D]: class token, storage tokens (registers), patches row by row. Pixels
// right of and below the last whole patch are dropped. A learned position is added to class token and patches, not to registers.
class StemBlock final : public Block {
 public:
  // `positions` says how a learned table follows the grid.
  StemBlock(const BackboneRow& row, bool trainable, PositionResize positions = PositionResize::kAntialias);
  const UnitSpec& unit() const override { return unit_; }
  TensorList forward(const TensorList& params, const TensorList& inputs, const BlockContext& context, const PassKey& key) const override;

 private:
  BackboneRow row_;
  PositionResize positions_;
  UnitSpec unit_;
  std::size_t cls_, position_ = 0, storage_ = 0, weight_, bias_;
};

// tokens -> tokens: x += ls1 * attention(norm1 x); x += ls2 * feed_forward(norm2 x).
// Context: RoPE table where positions are not learned, attention mask of the first Q tokens if any; buffers = {bias_mask [3D]}
// where the row has a key_bias_mask.
class TransformerBlock final : public Block {
 public:
  TransformerBlock(const BackboneRow& row, int index, double layerscale_init, bool trainable);
  const UnitSpec& unit() const override { return unit_; }
  TensorList forward(const TensorList& params, const TensorList& inputs, const BlockContext& context, const PassKey& key) const override;

 private:
  // The two branches up to their last product.
  at::Tensor attention(const TensorList& params, const at::Tensor& x, const BlockContext& context) const;
  at::Tensor feed_forward(const TensorList& params, const at::Tensor& x) const;

  BackboneRow row_;
  UnitSpec unit_;
  std::size_t norm1_, qkv_, qkv_bias_ = 0, proj_, gamma1_, norm2_, ffn_ = 0, ffn_end_ = 0,
                            gamma2_;  // places in `params`; a bias follows its weight
};

}  // namespace muster::model
