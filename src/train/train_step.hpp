// One optimizer update: header, forward and backward of each micro-batch, gradient norm, AdamW.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "core/reducer.hpp"
#include "data/sample.hpp"
#include "model/block.hpp"
#include "optim/adamw.hpp"
#include "task/task.hpp"
#include "train/train_state.hpp"

namespace muster::train {

struct StepResult {
  double loss = 0;                                    // of the global batch
  std::vector<std::pair<std::string, double>> terms;  // its parts, by name
  optim::StepReport optimizer;
  double samples = 0;   // of all ranks
  int stop_signal = 0;  // what some rank was asked by; 0 = nobody
};

class TrainStep {
 public:
  TrainStep(task::Task& task, TrainState& state, model::BlockRunner& runner, Reducer& reducer, std::uint64_t seed)
      : task_(task), state_(state), runner_(runner), reducer_(reducer), seed_(seed) {}

  // Collective. `batches` are this rank's micro-batches of the step. Moves state.progress.step on by one.
  StepResult run(const std::vector<data::Batch>& batches);

 private:
  task::Task& task_;
  TrainState& state_;
  model::BlockRunner& runner_;
  Reducer& reducer_;
  std::uint64_t seed_;
};

}  // namespace muster::train
