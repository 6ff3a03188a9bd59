// Semantic segmentation with EoMT: mask loss over one mask per class, prediction by windows, mIoU.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "data/class_list.hpp"
#include "image/image.hpp"
#include "model/eomt.hpp"
#include "model/loss_options.hpp"
#include "model/mask_annealing.hpp"
#include "task/task.hpp"
#include "task/window_batcher.hpp"

namespace muster::task {

struct SemanticSettings {
  std::vector<std::string> class_names;     // by train index
  int window_height = 0, window_width = 0;  // what the model sees at once in prediction
  int max_tiles = 64;                       // more windows than this: the image is fitted and padded instead
  int window_batch = 4;                     // windows of one forward at most
  std::vector<double> mean, std;            // of pixel / 255
  model::MaskLossOptions mask_loss;         // not used by prediction, as all below
  model::LossOptions loss;
  std::vector<model::AnnealWindow> anneal_windows;  // one per joint block
};

// Class scores of one prediction, [B, C, height, width] in fp32 (fp64 for fp64 logits): mask logits are resized bilinearly to
// that size, then score(c) = sum over queries of sigmoid(mask) * softmax(class logits)[c]; "no object" takes part in the
// softmax and is dropped. Source: Cheng et al. 2021, arXiv:2107.06278, section 3.4.
at::Tensor semantic_scores(const model::Prediction& prediction, int height, int width);

class SemanticSegmentation final : public Task {
 public:
  // `model` and `classes` must outlive the task. Throws InvariantError when their numbers of classes differ.
  SemanticSegmentation(const model::EomtModel& model, const data::TrainClasses& classes, SemanticSettings settings);
  ~SemanticSegmentation() override;

  const std::vector<std::string>& term_names() const override;  // loss_mask, loss_dice, loss_class
  // {masks, weighted queries, 1}: the last counts the micro-batches of the step over all ranks.
  std::vector<double> denominators(const data::Batch& batch) const override;
  // With normalization=rank the mean over micro-batches (of all ranks) of what each would be by itself, as in the reference
  // programs: class terms are divided by the batch's own weights, mask terms by the mean number of masks, at least 1.
  Loss loss(const data::Batch& batch, model::BlockRunner& runner, const model::PassKey& key, const std::vector<double>& global) override;

  void begin_evaluation() override;
  void evaluate(const data::Sample& sample, model::BlockRunner& runner) override;
  // miou, accuracy and iou/NAME of each class at original resolution; miou_model at the size that the model sees the image in.
  // NaN for what no pixel decides.
  Scores scores(Reducer& reducer) override;

  // Train index of every pixel of an upright image, at its own size. Windows are scored in eval mode without gradients.
  image::LabelMap predict(const image::Image& image, model::BlockRunner& runner) const;
  // The same for many images, whose windows share forwards of `window_batch` windows. This task and the runner must outlive it.
  WindowBatcher batcher(model::BlockRunner& runner) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace muster::task
