// Semantic segmentation with EoMT: mask loss over one mask per class, prediction by windows, mIoU.
// (interface by the lead, who consumes it; implementation and changes are the task module's)
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

namespace muster::task {

struct SemanticSettings {
  std::vector<std::string> class_names;            // by train index
  int window_height = 0, window_width = 0;         // what the model sees at once in prediction
  int max_tiles = 64;                              // more windows than this: the image is fitted and padded instead
  int window_batch = 4;                            // windows of one forward; the last batch is padded to it
  std::vector<double> mean, std;                   // of pixel / 255
  model::MaskLossOptions mask_loss;                // not used by prediction, as all below
  model::LossOptions loss;
  std::vector<model::AnnealWindow> anneal_windows;  // one per joint block
};

class SemanticSegmentation final : public Task {
 public:
  // `model` and `classes` must outlive the task.
  SemanticSegmentation(const model::EomtModel& model, const data::TrainClasses& classes, SemanticSettings settings);
  ~SemanticSegmentation() override;

  const std::vector<std::string>& term_names() const override;  // loss_mask, loss_dice, loss_class
  std::vector<double> denominators(const data::Batch& batch) const override;
  Loss loss(const data::Batch& batch, model::BlockRunner& runner, const model::PassKey& key, const std::vector<double>& global) override;

  void begin_evaluation() override;
  void evaluate(const data::Sample& sample, model::BlockRunner& runner) override;
  Scores scores(Reducer& reducer) override;  // miou, miou_model, iou/NAME

  // Train index of every pixel of an upright image, at its own size.
  image::LabelMap predict(const image::Image& image, model::BlockRunner& runner) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace muster::task
