// What a process sets once, before its first tensor operation: threads, memory allocator, matrix kernels.
// Why each is there, with figures: src/decisions/0001-cpu-process-setup.md.
#pragma once

#include "dist/session.hpp"

namespace muster::app {

// Compute threads: OMP_NUM_THREADS when it is set to a positive number, else this process' part of the processors of its affinity
// mask, which it shares with the ranks of its host that may run on the same ones (LibTorch's own choice depends on the launcher,
// CONTRACTS 9). Freed memory stays with the process. A file that may not grow further is an error of that write. Collective.
void set_up_process(dist::Session& session);

}  // namespace muster::app
