// One optimizer update: header, forward and backward of each micro-batch, gradient norm, AdamW.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "data/sample.hpp"
#include "dist/communicator.hpp"
#include "optim/adamw.hpp"
#include "parallel/engine.hpp"
#include "task/task.hpp"
#include "train/train_state.hpp"

namespace muster::train {

struct StepResult {
  double loss = 0;                                    // of the global batch
  std::vector<std::pair<std::string, double>> terms;  // its parts, by name
  optim::StepReport optimizer;
  double samples = 0;    // of all ranks
  int stop_signal = 0;   // what some rank was asked by; 0 = nobody
  double slowest_s = 0;  // the longest step before this one on any rank, without waiting for others
  int slowest_rank = 0;
};

// One per rank.
class TrainStep {
 public:
  // `run_key` is a hash of what must be equal on all ranks: recipe and data.
  TrainStep(task::Task& task, TrainState& state, parallel::Engine& engine, dist::Communicator& ranks, std::uint64_t seed,
            std::uint64_t run_key = 0)
      : task_(task), state_(state), engine_(engine), ranks_(ranks), reducer_(ranks), seed_(seed), run_key_(run_key) {}

  // Collective. `batches` are this rank's micro-batches of the step. Moves state.progress.step on by one. CommError when a rank
  // has made other collective calls than the others.
  StepResult run(const std::vector<data::Batch>& batches);

 private:
  struct Agreed {
    std::vector<double> denominators;  // of the task's loss terms, over ranks and micro-batches
    StepResult result;                 // samples, stop signal and slowest rank are filled
  };
  Agreed agree(const std::vector<data::Batch>& batches);

  task::Task& task_;
  TrainState& state_;
  parallel::Engine& engine_;
  dist::Communicator& ranks_;
  dist::CommunicatorReducer reducer_;
  std::uint64_t seed_;
  std::uint64_t run_key_;
  double own_seconds_ = 0;  // of this rank's last step
};

}  // namespace muster::train
