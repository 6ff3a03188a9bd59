// Whether another process of this node still lives.
#pragma once

#include <cstdint>

namespace muster::dist {

enum class ProcessState : std::uint8_t { kRunning, kStopped, kDead };

const char* process_state_name(ProcessState state) noexcept;  // "running", "stopped", "dead"

// When process `pid` was started, in the kernel's ticks; 0 when there is none. With it a number that was given again is not taken for
// the process that had it before.
std::uint64_t process_start(std::int64_t pid) noexcept;

// A zombie is dead. `start` = process_start() as it was.
ProcessState process_state(std::int64_t pid, std::uint64_t start) noexcept;

}  // namespace muster::dist
