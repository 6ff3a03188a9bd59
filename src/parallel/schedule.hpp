// Which collectives a step needs, and when: pure bookkeeping over units, without tensors or ranks (CONTRACTS 2).
//
// The engine feeds it the events of autograd; a dry run feeds it the same events without a tensor. Both logs are equal.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "parallel/preset.hpp"

namespace muster::parallel {

// A unit as the schedule sees it.
struct UnitSize {
  std::string name;
  std::int64_t gradient_bytes = 0;  // of its trainable segments, as they are reduced; 0 = frozen
  std::vector<int> borrows;         // indices of earlier units whose parameters its blocks use too
};

enum class ActionKind { kReduce, kWaitForReduces };

struct Action {
  ActionKind kind = ActionKind::kReduce;
  int unit = -1;           // -1 for waits
  std::int64_t bytes = 0;  // of one rank
  bool operator==(const Action&) const = default;
};

// Weights stay gathered and gradients replicated: a unit's gradient is summed over ranks in the last micro-step, as soon as
// the backward of its last use is over. The order of reduces is the reverse of the order in which units were first used in
// the step's forwards, whatever order backward happens to finish them in, so it is the same on all ranks. A unit that no
// forward used has a gradient of zero everywhere and is not reduced.
//
// The caller carries out the actions that an event returns before it goes on. One thread at a time.
class Schedule {
 public:
  // InvariantError for a preset other than {kAlways, kReplicated, kOne}.
  Schedule(Preset preset, std::vector<UnitSize> units);

  void begin_step(int micro_steps);
  void pre_forward(int unit);
  std::vector<Action> post_backward(int unit);
  // Also where uses had no backward, because nothing of the loss depends on them: in the last micro-step their reduces come here.
  std::vector<Action> end_micro_step();
  std::vector<Action> end_step();

  const std::vector<UnitSize>& units() const noexcept { return units_; }
  // All actions since the last begin_step(), in order.
  const std::vector<Action>& log() const noexcept { return log_; }

 private:
  template <class Change>
  void for_unit_and_lenders(int unit, Change change);
  std::vector<Action> reduce_while(bool only_finished);
  std::vector<Action> logged(std::vector<Action> actions);

  std::vector<UnitSize> units_;
  std::vector<int> open_uses_;   // forwards without their backward, by unit
  std::vector<int> first_uses_;  // units in the order of their first use in this step
  std::size_t unreduced_ = 0;    // of first_uses_, from the front: the others are reduced
  int micro_steps_left_ = 0;
  bool in_backward_ = false;
  std::vector<Action> log_;
};

}  // namespace muster::parallel
