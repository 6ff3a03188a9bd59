// The order of things in a run: step, report, validate, save, stop. What each of these does is elsewhere.
#pragma once

#include "core/reducer.hpp"
#include "dist/watchdog.hpp"
#include "data/loader.hpp"
#include "data/shard_reader.hpp"
#include "data/transform.hpp"
#include "report/reporter.hpp"
#include "train/checkpointing.hpp"
#include "train/evaluation.hpp"
#include "train/sample_log.hpp"
#include "train/train_options.hpp"
#include "train/train_step.hpp"

namespace muster::train {

enum class LoopEnd { kFinished, kStopped };

// What the loop moves; all outlive it.
struct LoopParts {
  task::Task& task;
  TrainState& state;
  TrainStep& step;
  data::Loader& loader;
  const data::TrainTransform& transform;  // the loader's, for what it counts
  model::BlockRunner& runner;
  const data::ShardReader& validation;
  Checkpointing& checkpointing;
  report::Reporter* reporter;  // rank 0's; null on the others
  Reducer& reducer;
  dist::Watchdog& watchdog;
  SampleLog* samples;  // null unless logger_args.sample_ids
  const RunFolder& folder;
};

// Collective. Goes on from parts.state.progress.step to options.steps, or until some rank is asked to stop; either way the
// state is saved before it returns. The last step always validates, so there is always a best. Throws CheckpointError when
// that last save fails.
LoopEnd run_loop(const TrainOptions& options, const LoopParts& parts);

}  // namespace muster::train
