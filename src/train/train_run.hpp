// A whole run of `muster train`: checks, folder, model, resume, loop, exports.
#pragma once

#include "core/error.hpp"
#include "dist/communicator.hpp"
#include "dist/launch_environment.hpp"
#include "io/value.hpp"
#include "train/train_options.hpp"

namespace muster::train {

struct RunRequest {
  io::Value recipe;  // resolved: stored as recipe.yaml, and what tells one run from another
  io::Value facts;   // versions, ranks, devices for run.json
  bool dry_run = false;
};

// Collective: one call per rank. Rank 0 holds the run's folder, writes logs and exports; every rank writes its part of checkpoints.
// kDone: finished now or before; kComeBack: stopped on request, saved. Everything that the recipe, the data or the model can
// be wrong about is thrown before the run's folder is touched.
ExitCode train_run(const TrainOptions& options, const RunRequest& request, dist::Communicator& ranks,
                   const dist::LaunchEnvironment& environment = {});

}  // namespace muster::train
