// What `model=` names: a weight file, a checkpoint, a run's folder, or (where random weights make sense) an architecture.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "data/class_list.hpp"
#include "model/eomt.hpp"
#include "model/model.hpp"
#include "model/parameters.hpp"
#include "task/semantic_segmentation.hpp"
#include "weights/weights_info.hpp"

namespace muster::app {

struct LoadedModel {
  std::unique_ptr<model::Model> model;
  model::ParameterStore parameters;
  weights::WeightsInfo info;
  std::string source;  // "FILE" or "random (seed N)", for the log

  // ConfigError when the model has no segmentation head.
  const model::EomtModel& segmentation() const;
};

// ConfigError when `name` is nothing that exists; DataError and CheckpointError for damaged files.
LoadedModel load_model(const std::string& name);

// The same, and architecture names with -notpretrained, whose weights are drawn from `seed`.
LoadedModel load_or_draw_model(const std::string& name, std::uint64_t seed);

// Classes as the weight file lists them: by train index.
data::TrainClasses classes_of(const weights::WeightsInfo& info);

// The task of a loaded model, for prediction and evaluation. `loaded` and `classes` must outlive it.
task::SemanticSegmentation make_task(const LoadedModel& loaded, const data::TrainClasses& classes, int window_batch);

}  // namespace muster::app
