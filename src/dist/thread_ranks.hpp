// Ranks as threads of one process, for tests on CPU: the same collectives over memory that is already shared.
#pragma once

#include <functional>

#include "dist/communicator.hpp"

namespace muster::dist {

// Runs `body` once per rank, each in a thread of its own with its own communicator, and closes the communicators that `body` left
// open. A rank that throws poisons its communicator, so that no other waits for it; when all have ended, the error that came first
// is thrown again. Whoever uses LibTorch in `body` gives each rank one thread of it first (at::set_num_threads(1)).
void run_thread_ranks(int world, const std::function<void(Communicator&)>& body);

}  // namespace muster::dist
