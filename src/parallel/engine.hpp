// Runs a model's units for training over ranks: the runner of model::Block, with the collectives that the schedule says.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/reducer.hpp"
#include "dist/communicator.hpp"
#include "model/block.hpp"
#include "model/parameters.hpp"
#include "parallel/preset.hpp"
#include "parallel/schedule.hpp"

namespace muster::parallel {

// One per rank. Every rank makes the same calls; batches may differ. One thread at a time.
//
//   engine.begin_step(micro_steps);
//   for each micro-batch: forward through the engine as runner, backward, engine.end_micro_step();
//   engine.end_step();        gradients are now sums over ranks and micro-steps, the same bits on every rank
class Engine final : public model::BlockRunner {
 public:
  // `parameters` hold the units in whole; segments and their gradients are the flat buffers that are reduced. All outlive the
  // engine. ConfigError for a preset that this version does not run.
  Engine(Preset preset, std::span<const model::UnitSpec> units, model::ParameterStore& parameters, dist::Communicator& ranks);
  // In the middle of a step (an exception unwinds it): this rank leaves, and reduces under way end before their buffers go.
  ~Engine() override;
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // With grad mode off (evaluation) no collective is involved, so ranks may run different numbers of passes.
  model::TensorList run(const model::Block& block, model::TensorList inputs, const model::BlockContext& context,
                        const model::PassKey& key) override;

  // Sets gradients to zero.
  void begin_step(int micro_steps);
  void end_micro_step();
  // Waits for the last reduce. CommError when a rank left.
  void end_step();

  // What the optimizer sums its squared norm over: gradients are replicated, so nobody.
  Reducer& norm_reducer() noexcept { return norm_reducer_; }
  const Schedule& schedule() const noexcept { return schedule_; }

 private:
  void carry_out(const std::vector<Action>& actions);

  model::ParameterStore& parameters_;
  dist::Communicator& ranks_;
  Schedule schedule_;
  std::unordered_map<std::string, int> unit_index_;
  std::vector<std::vector<model::Segment*>> trainable_;  // by unit
  std::vector<dist::Handle> reduces_;
  SoloReducer norm_reducer_;
};

}  // namespace muster::parallel
