// How long a rank waits for the others before it gives up, keys `parallel.timeout_s.*`.
#pragma once

#include "core/options.hpp"

namespace muster::dist {

// Seconds that one collective operation may take, in the phase that the run is in.
struct TimeoutOptions {
  double first_step = 600;  // reading, allocating and the first use of everything
  double step = 300;
  double checkpoint = 900;
};

template <class Visitor>
void visit(Visitor& v, TimeoutOptions& o) {
  v.field("first_step", o.first_step, more_than(0),
          "seconds that a rank waits for the others until the first step is done; then all end with 75");
  v.field("step", o.step, more_than(0), "the same in later steps and in evaluation");
  v.field("checkpoint", o.checkpoint, more_than(0), "the same while a checkpoint is read or written");
}

}  // namespace muster::dist
