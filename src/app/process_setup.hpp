// What a process sets once, before its first tensor operation: threads, memory allocator, matrix kernels.
// Why each is there, with figures: src/decisions/0001-cpu-process-setup.md.
#pragma once

namespace muster::app {

// Compute threads: OMP_NUM_THREADS when it is set to a positive number, else the processors of this process's affinity mask
// (LibTorch's own choice depends on the launcher, CONTRACTS 9). Freed memory stays with the process.
void set_up_process();

}  // namespace muster::app
