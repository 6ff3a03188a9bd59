// EoMT: the backbone's own last K blocks run over queries and patches together; masks and classes are read off the tokens.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "model/backbone.hpp"
#include "model/eomt_head.hpp"
#include "model/model.hpp"

namespace muster::model {

struct Prediction {
  at::Tensor mask_logits;   // [B, Q, h, w]
  at::Tensor class_logits;  // [B, Q, C + 1]
};

struct EomtOutput {
  std::vector<Prediction> predictions;      // K + 1 where every prediction was asked for, else the last alone
  std::vector<at::Tensor> attention_masks;  // [B, Q, P] bool, one per joint block; undefined = nothing was masked
  at::Tensor tokens;                        // [B, Q + 1 + storage + P, D] after the last block, before the final norm
  std::int64_t grid_height = 0, grid_width = 0;
};

// What the joint blocks' attention sees, and which predictions are made.
struct MaskPlan {
  bool every_prediction = false;      // else no masks, and one prediction
  std::vector<double> probabilities;  // one per joint block (mask_probabilities); empty = 1
  std::vector<at::Tensor> given;      // [B, Q, P] bool per joint block in place of those from the logits, for parity checks
};

class EomtModel final : public Model {
 public:
  // Throws ConfigError when the options do not fit the backbone.
  EomtModel(std::string name, const BackboneRow& row, const EomtOptions& options, int num_classes, const BuildOptions& build);

  const std::string& name() const override { return name_; }
  const BackboneRow& backbone() const override { return backbone_.row(); }
  const std::vector<UnitSpec>& units() const override { return units_; }
  const std::vector<NamedTensor>& buffers() const override { return backbone_.buffers(); }
  std::vector<NamedTensor> outputs(BlockRunner& runner, const at::Tensor& images, bool every_prediction) const override;

  int num_queries() const noexcept { return head_->shape.num_queries; }
  int num_classes() const noexcept { return head_->shape.num_classes; }
  int joint_blocks() const noexcept { return joint_blocks_; }

  // Normalised images [B, channels, H, W]; key.sample_ids has one entry per image wherever something is drawn.
  EomtOutput forward(BlockRunner& runner, const at::Tensor& images, const PassKey& key, const MaskPlan& plan) const;
  // Training: every prediction, masks by probability. Evaluation: the last prediction.
  EomtOutput forward(BlockRunner& runner, const at::Tensor& images, const PassKey& key, const std::vector<double>& probabilities) const {
    return forward(runner, images, key, MaskPlan{.every_prediction = key.training, .probabilities = probabilities, .given = {}});
  }

 private:
  at::Tensor joint_mask(const at::Tensor& mask_logits, int joint_block, const PassKey& key, const MaskPlan& plan,
                        const BlockContext& context) const;

  std::string name_;
  int joint_blocks_;
  Backbone backbone_;
  std::shared_ptr<const HeadUnit> head_;
  FinalNormBlock final_norm_;
  QueryBlock query_block_;
  PredictionBlock prediction_;
  std::vector<UnitSpec> units_;
};

}  // namespace muster::model
