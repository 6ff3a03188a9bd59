#include "task/semantic_segmentation.hpp"

#include <algorithm>
#include <utility>

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/upsample_bilinear2d.h>
#include <ATen/ops/zeros.h>

#include "core/error.hpp"
#include "image/resize.hpp"
#include "metric/confusion_matrix.hpp"
#include "model/mask_loss.hpp"
#include "task/window_batcher.hpp"

namespace muster::task {

at::Tensor semantic_scores(const model::Prediction& prediction, int height, int width) {
  const at::ScalarType type = prediction.mask_logits.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
  const at::Tensor masks_BQHW =
      at::upsample_bilinear2d(prediction.mask_logits.to(type), {height, width}, /*align_corners=*/false).sigmoid();
  const std::int64_t classes = prediction.class_logits.size(-1) - 1;
  const at::Tensor share_BQC = at::softmax(prediction.class_logits.to(type), -1).slice(2, 0, classes);
  return at::matmul(share_BQC.transpose(1, 2), masks_BQHW.flatten(2)).unflatten(2, {height, width});
}

struct SemanticSegmentation::State {
  State(const model::EomtModel& network, const data::TrainClasses& train_classes, SemanticSettings given)
      : model(network),
        classes(train_classes),
        settings(std::move(given)),
        mask_loss(settings.mask_loss, settings.loss, network.num_classes(), network.num_queries()),
        windows{.height = settings.window_height,
                .width = settings.window_width,
                .max_tiles = settings.max_tiles,
                .batch = settings.window_batch,
                .mean = settings.mean,
                .std = settings.std},
        original(network.num_classes()),
        at_model(network.num_classes()) {}

  model::MaskTargets targets_of(const data::Batch& batch) const { return model::masks_of_classes(batch.targets_BHW, model.num_classes()); }

  // What this batch's numerators are divided by (SemanticSegmentation::loss).
  model::MaskLossDenominators divisors(const model::MaskTargets& targets, const std::vector<double>& global) const {
    if (!settings.loss.per_rank()) {
      return {.masks = global[0], .classes = global[1]};
    }
    const double micro_batches = global[2];
    return {.masks = std::max(1.0, global[0] / micro_batches) * micro_batches,
            .classes = mask_loss.denominators(targets).classes * micro_batches};
  }

  at::Tensor scores_of(const image::Image& image, model::BlockRunner& runner) const {
    return window_scores(image, windows, scorer(runner));
  }

  WindowScorer scorer(model::BlockRunner& runner) const {
    return [this, &runner](const at::Tensor& windows_BCHW) {
      const at::NoGradGuard no_gradients;
      const model::EomtOutput output = model.forward(runner, windows_BCHW, model::PassKey{}, model::MaskPlan{});
      return semantic_scores(output.predictions.back(), windows.height, windows.width);
    };
  }

  void count(metric::ConfusionMatrix& matrix, const image::LabelMap& truth, const image::LabelMap& predicted) const {
    std::vector<std::int32_t> train(truth.values.size());
    classes.map(truth.values, train);
    matrix.add(train, predicted.values);
  }

  const model::EomtModel& model;
  const data::TrainClasses& classes;
  SemanticSettings settings;
  model::MaskLoss mask_loss;
  WindowSettings windows;
  metric::ConfusionMatrix original, at_model;  // at the images' own size, and at that of the resized image
};

SemanticSegmentation::SemanticSegmentation(const model::EomtModel& model, const data::TrainClasses& classes, SemanticSettings settings)
    : state_(std::make_unique<State>(model, classes, std::move(settings))) {
  check(model.num_classes() == classes.count() && state_->settings.class_names.size() == static_cast<std::size_t>(classes.count()),
        "SemanticSegmentation: a model of {} classes, data of {}, {} names", model.num_classes(), classes.count(),
        state_->settings.class_names.size());
}

SemanticSegmentation::~SemanticSegmentation() = default;

const std::vector<std::string>& SemanticSegmentation::term_names() const {
  static const std::vector<std::string> names{"loss_mask", "loss_dice", "loss_class"};
  return names;
}

std::vector<double> SemanticSegmentation::denominators(const data::Batch& batch) const {
  const model::MaskLossDenominators own = state_->mask_loss.denominators(state_->targets_of(batch));
  return {own.masks, own.classes, 1};
}

Loss SemanticSegmentation::loss(const data::Batch& batch, model::BlockRunner& runner, const model::PassKey& key,
                                const std::vector<double>& global) {
  check(global.size() == 3, "SemanticSegmentation: {} denominators instead of 3", global.size());
  const State& s = *state_;
  const model::MaskTargets targets = s.targets_of(batch);
  const model::MaskLossDenominators divisors = s.divisors(targets, global);
  const model::EomtOutput output =
      s.model.forward(runner, batch.images_BCHW, key, model::mask_probabilities(s.settings.anneal_windows, key.step));
  const model::RandomPoints points(key);

  // Terms of all predictions, each with its coefficient and divisor, so that they add up to the loss.
  at::Tensor mask, dice, classes;
  const auto add = [](at::Tensor& sum, const at::Tensor& term) { sum = sum.defined() ? sum + term : term; };
  for (std::size_t layer = 0; layer < output.predictions.size(); ++layer) {
    const model::Prediction& prediction = output.predictions[layer];
    const model::MaskLossTerms terms = s.mask_loss.scaled(
        s.mask_loss.terms(static_cast<int>(layer), prediction.mask_logits, prediction.class_logits, targets, points), divisors);
    add(mask, terms.mask);
    add(dice, terms.dice);
    add(classes, terms.classes);
  }
  return {.total = mask + dice + classes, .terms = {mask.item<double>(), dice.item<double>(), classes.item<double>()}};
}

void SemanticSegmentation::begin_evaluation() {
  state_->original.clear();
  state_->at_model.clear();
}

void SemanticSegmentation::evaluate(const data::Sample& sample, model::BlockRunner& runner) {
  State& s = *state_;
  const at::Tensor scores_Chw = s.scores_of(sample.image, runner);
  const auto rows = static_cast<int>(scores_Chw.size(1)), columns = static_cast<int>(scores_Chw.size(2));
  s.count(s.original, sample.target, best_classes(scores_Chw, sample.image.height, sample.image.width));
  s.count(s.at_model, image::resize_nearest(sample.target, rows, columns), best_classes(scores_Chw, rows, columns));
}

Scores SemanticSegmentation::scores(Reducer& reducer) {
  State& s = *state_;
  s.original.sum_over_ranks(reducer);
  s.at_model.sum_over_ranks(reducer);
  Scores result{{"miou", s.original.mean_iou()}, {"miou_model", s.at_model.mean_iou()}, {"accuracy", s.original.accuracy()}};
  const std::vector<double> iou = s.original.iou();
  for (std::size_t c = 0; c < iou.size(); ++c) {
    result.emplace_back("iou/" + s.settings.class_names[c], iou[c]);
  }
  return result;
}

image::LabelMap SemanticSegmentation::predict(const image::Image& image, model::BlockRunner& runner) const {
  return best_classes(state_->scores_of(image, runner), image.height, image.width);
}

WindowBatcher SemanticSegmentation::batcher(model::BlockRunner& runner) const {
  return {state_->windows, state_->scorer(runner)};
}

}  // namespace muster::task
