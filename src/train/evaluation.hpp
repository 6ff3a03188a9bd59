// A validation pass: every sample of a split once, over all ranks, without gradients.
#pragma once

#include <cstdint>
#include <functional>

#include "core/reducer.hpp"
#include "data/shard_reader.hpp"
#include "model/block.hpp"
#include "task/task.hpp"

namespace muster::train {

struct EvaluationResult {
  task::Scores scores;
  std::int64_t images = 0;  // of all ranks
  double seconds = 0;
};

// Collective. `progress(done, total)` is called after each sample of this rank.
EvaluationResult evaluate(task::Task& task, model::BlockRunner& runner, const data::ShardReader& reader, Reducer& reducer,
                          const std::function<void(std::int64_t, std::int64_t)>& progress = nullptr);

}  // namespace muster::train
