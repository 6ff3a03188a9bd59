// The one small exchange of a step, from which every rank reads the same decisions (CONTRACTS 3).
#pragma once

#include <vector>

#include "core/reducer.hpp"

namespace muster::train {

// What a rank knows when its batch is there, before its first forward.
struct StepPost {
  std::vector<double> denominators;  // of the task's loss terms, summed over this rank's micro-batches
  double samples = 0;                // of this rank
  int stop_signal = 0;               // the signal that asked to stop, or 0
};

// What all ranks know: sums over ranks, and the largest stop signal.
struct StepHeader {
  std::vector<double> denominators;
  double samples = 0;
  int stop_signal = 0;
};

// Collective: one sum and one max.
StepHeader exchange(const StepPost& post, Reducer& reducer);

}  // namespace muster::train
