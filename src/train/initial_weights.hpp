// Where a run's weights start: from `checkpoint`, from the published weights of its backbone, or drawn from the seed. Never
// silently random (CONTRACTS 16).
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "data/class_list.hpp"
#include "dist/communicator.hpp"
#include "model/eomt.hpp"
#include "model/parameters.hpp"
#include "train/train_options.hpp"
#include "weights/opened_weights.hpp"

namespace muster::train {

// Opened before anything is built, because the file may vary the architecture (its positions, its patch size); set when the
// parameters are there.
class InitialWeights {
 public:
  // Reads headers, no tensor. ConfigError when what the recipe names is not there, or is needed and not named; DataError when it
  // cannot be used.
  explicit InitialWeights(const TrainOptions& options);

  // Of the backbone to build.
  model::BackboneVariant variant() const;

  // DataError when the file is of another model than this one: before a run's folder is touched.
  void check(const model::EomtModel& model) const;

  // Draws every parameter, then takes from the file what there is one for; says which in the log where `say` (rank 0).
  void set(const model::EomtModel& model, const data::TrainClasses& classes, model::ParameterStore& parameters, bool say) const;

 private:
  void set_backbone(const model::EomtModel& model, model::ParameterStore& parameters, bool say) const;
  void set_all(const model::EomtModel& model, const data::TrainClasses& classes, model::ParameterStore& parameters, bool say) const;

  std::string model_, form_;
  std::uint64_t seed_ = 0;
  bool reuse_class_head_ = false;
  std::unique_ptr<const weights::OpenedWeights> opened_;  // nullptr: random
};

// The variant with which a run that stopped in `out` was built: the file that it started from is not needed to go on. None when
// there is no checkpoint of the run `run_id`. Collective: rank 0 looks, all get the same.
std::optional<model::BackboneVariant> variant_of_stopped_run(const std::filesystem::path& out, const std::string& run_id,
                                                             dist::Communicator& ranks);

}  // namespace muster::train
