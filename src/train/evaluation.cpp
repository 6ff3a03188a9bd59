#include "train/evaluation.hpp"

#include <chrono>

#include <ATen/core/grad_mode.h>

#include "data/evaluation_reader.hpp"

namespace muster::train {

EvaluationResult evaluate(task::Task& task, model::BlockRunner& runner, const data::ShardReader& reader, Reducer& reducer,
                          const std::function<void(std::int64_t, std::int64_t)>& progress) {
  const auto start = std::chrono::steady_clock::now();
  const c10::InferenceMode no_gradients;
  data::EvaluationReader samples(reader, {.rank = reducer.rank(), .world = reducer.world()});
  task.begin_evaluation();
  std::int64_t done = 0;
  while (const auto sample = samples.next()) {
    task.evaluate(*sample, runner);
    if (progress) {
      progress(++done, samples.size());
    }
  }
  EvaluationResult result{.scores = task.scores(reducer), .images = reader.size()};
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return result;
}

}  // namespace muster::train
