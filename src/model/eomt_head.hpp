// The `head` unit of EoMT (Kerssies et al. 2025, "Your ViT is secretly an image segmentation model", arXiv:2503.19108) and the
// three blocks that use it: queries are prepended once, predictions made before each joint block and after the last, and the
// final norm alone gives features.
//
// B batch, N tokens, D width, Q queries, C classes, P patches
#pragma once

#include <memory>

#include "model/block.hpp"

namespace muster::model {

struct HeadShape {
  int dim = 0;
  double norm_eps = 1e-5;     // of the backbone's final norm
  int num_queries = 0;        // 0: the bare backbone, whose head is the final norm alone
  int num_classes = 0;        // without "no object"
  int upscale_blocks = 2;     // each doubles height and width
  double upscale_eps = 1e-5;  // 1e-6 in upstream's and transformers' form
};

// Parameters of the head and their places, shared by its blocks.
struct HeadUnit {
  explicit HeadUnit(const HeadShape& shape);

  HeadShape shape;
  UnitSpec spec;
  std::size_t norm = 0, queries = 0, class_head = 0, mask_head = 0, upscale = 0;
};

class HeadBlock : public Block {
 public:
  explicit HeadBlock(std::shared_ptr<const HeadUnit> head) : head_(std::move(head)) {}
  const UnitSpec& unit() const override { return head_->spec; }

 protected:
  std::shared_ptr<const HeadUnit> head_;
};

// tokens [B, N, D] -> final norm of all of them
class FinalNormBlock final : public HeadBlock {
 public:
  using HeadBlock::HeadBlock;
  TensorList forward(const TensorList& params, const TensorList& inputs, const BlockContext& context, const PassKey& key) const override;
};

// tokens [B, N, D] -> [B, Q + N, D], queries first
class QueryBlock final : public HeadBlock {
 public:
  using HeadBlock::HeadBlock;
  TensorList forward(const TensorList& params, const TensorList& inputs, const BlockContext& context, const PassKey& key) const override;
};

// tokens [B, N, D] whose first Q are queries -> {mask logits [B, Q, h, w], class logits [B, Q, C + 1]}, last class = no object,
// h and w those of the context's grid times 2^upscale_blocks
class PredictionBlock final : public HeadBlock {
 public:
  using HeadBlock::HeadBlock;
  TensorList forward(const TensorList& params, const TensorList& inputs, const BlockContext& context, const PassKey& key) const override;
};

}  // namespace muster::model
