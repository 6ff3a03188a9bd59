// Where a run's weights start: drawn from the seed, or read from `checkpoint`. Never silently random (CONTRACTS 16).
#pragma once

#include "data/class_list.hpp"
#include "model/eomt.hpp"
#include "model/parameters.hpp"
#include "train/train_options.hpp"

namespace muster::train {

// ConfigError when `checkpoint` names nothing that exists, or weights are named that this version cannot read.
void check_initial_weights(const TrainOptions& options);

// Draws every parameter, then takes from `checkpoint` what there is one for; says which in one line of the log where `say` (rank 0).
void set_initial_weights(const TrainOptions& options, const model::EomtModel& model, const data::TrainClasses& classes,
                         model::ParameterStore& parameters, bool say = true);

}  // namespace muster::train
