// How many threads LibTorch computes with: always set explicitly, since its own choice depends on the launcher (CONTRACTS 9).
#pragma once

namespace muster::app {

// OMP_NUM_THREADS when it is set to a positive number, else the processors of this process's affinity mask. Call once, before
// the first tensor operation.
void set_compute_threads();

}  // namespace muster::app
