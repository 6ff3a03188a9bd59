// One learning task as the training loop sees it: denominators, loss, scores. The loop knows no task by name.
//
// A task owns its networks (one for segmentation; student and teacher for self-supervised learning), knows what their
// outputs mean, and keeps sums of scores that add over ranks. src/README.md shows on paper how other tasks fill this.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include <ATen/core/Tensor.h>

#include "core/reducer.hpp"
#include "data/sample.hpp"
#include "model/block.hpp"

namespace muster::task {

// Of one micro-batch. `total` has a gradient; divided by global denominators, so that the sum over micro-batches and ranks is
// the loss of the step. `terms` are its parts as numbers, one per name of Task::term_names(), and add up to it.
struct Loss {
  at::Tensor total;
  std::vector<double> terms;
};

// Named numbers of an evaluation, in the order in which they are shown; the names that metric_args.watch_metric takes, without
// "val_metric/": "miou", "miou_model", "iou/water".
using Scores = std::vector<std::pair<std::string, double>>;

// One thread at a time.
class Task {
 public:
  virtual ~Task() = default;

  virtual const std::vector<std::string>& term_names() const = 0;

  // Of the batch's loss terms, from its targets alone, so that they are known before the forward pass (CONTRACTS 4).
  virtual std::vector<double> denominators(const data::Batch& batch) const = 0;
  // Forward pass and loss. `global` are the denominators summed over ranks and micro-steps. Not collective.
  virtual Loss loss(const data::Batch& batch, model::BlockRunner& runner, const model::PassKey& key, const std::vector<double>& global) = 0;
  // After the weights have moved, `step` finished steps in all.
  virtual void after_step(std::int64_t) {}

  // Evaluation: start, then each sample once on some rank, then the scores of all ranks together (collective).
  virtual void begin_evaluation() = 0;
  virtual void evaluate(const data::Sample& sample, model::BlockRunner& runner) = 0;
  virtual Scores scores(Reducer& reducer) = 0;
};

}  // namespace muster::task
