// Memory that tensors give back stays with the process.
#pragma once

namespace muster::app {

// glibc returns large freed blocks to the kernel, and gets them again as pages that are zeroed one by one: a fifth of a training
// step on the CPU, whose activations have the same sizes in every step. Call once, before the first tensor.
void keep_freed_memory();

}  // namespace muster::app
