// What `model=` names (CONTRACTS 16), in this order: an existing path (a weight file of any form, a checkpoint, a run's folder), a
// published model that waits in the cache, an architecture.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "data/class_list.hpp"
#include "model/block.hpp"
#include "model/eomt.hpp"
#include "model/model.hpp"
#include "model/parameters.hpp"
#include "task/semantic_segmentation.hpp"
#include "weights/load_plan.hpp"
#include "weights/weights_info.hpp"

namespace muster::app {

struct LoadedModel {
  std::unique_ptr<model::Model> model;
  model::ParameterStore parameters;  // without gradients
  weights::WeightsInfo info;
  std::string source;  // "FILE" or "random (seed N)", for the log

  // ConfigError when the model has no segmentation head.
  const model::EomtModel& segmentation() const;
  // Casts unit by unit where the parameters are kept in another type than `compute`. `parameters` must outlive it.
  std::unique_ptr<model::BlockRunner> runner(at::ScalarType compute = at::kFloat) const;
};

struct LoadSettings {
  bool keep_type = false;               // parameters stay in the file's type; else they are of type `compute`
  at::ScalarType compute = at::kFloat;  // of the passes that follow, and of the buffers
  std::filesystem::path base;           // backbone of a delta; empty = from the cache
  weights::LoadOptions load;
};

// What `model=` names on the disk: as a path, as the staged file of a published model, or as a bare backbone's in the cache.
// `architecture` is what the file must hold, where that is known; empty otherwise. ConfigError when there is none of them.
struct ModelPath {
  std::filesystem::path path;
  std::string architecture;
  bool checkpoint = false;
};
ModelPath find_model(const std::string& name);

// ConfigError when `name` is nothing that exists; DataError and CheckpointError for damaged files.
LoadedModel load_model(const std::string& name, const LoadSettings& settings = {});

// The same, and architectures: with -notpretrained drawn from `seed`, else with their published backbone and, for -eomt, a head
// drawn from `seed`.
LoadedModel load_or_draw_model(const std::string& name, std::uint64_t seed, const LoadSettings& settings = {});

// Whether `name` is an architecture whose weights are drawn and come from no file (and nothing on the disk is called so).
bool is_drawn(const std::string& name);
// The description of such a model.
weights::WeightsInfo info_of_architecture(const std::string& name);

// Classes as the weight file lists them: by train index.
data::TrainClasses classes_of(const weights::WeightsInfo& info);

// The task of a loaded model, for prediction and evaluation; ConfigError for a model of another task. `loaded` and `classes` must
// outlive it.
task::SemanticSegmentation make_task(const LoadedModel& loaded, const data::TrainClasses& classes, int window_batch);

}  // namespace muster::app
