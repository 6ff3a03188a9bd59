// Every collective on many sizes and types against plain loops: run over threads in tests/dist, over MPI in tests/ranks.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dist/communicator.hpp"

namespace muster::testing_support {

struct BatteryResult {
  std::vector<std::string> faults;  // one sentence each; empty = all as it should be
  std::uint64_t digest = 0;         // of the bytes of all results of this rank: equal on every transport
};

// Collective. The values are drawn from rank and size, so each rank knows what all others handed in.
BatteryResult run_collective_battery(dist::Communicator& communicator);

}  // namespace muster::testing_support
