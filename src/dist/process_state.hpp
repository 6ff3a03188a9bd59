// Whether another process of this node still lives.
#pragma once

#include <cstdint>

namespace muster::dist {

enum class ProcessState : std::uint8_t { kRunning, kStopped, kDead };

const char* process_state_name(ProcessState state) noexcept;  // "running", "stopped", "dead"

// The number under which /proc shows this process: getpid(), except in a container whose /proc belongs to another PID namespace. Processes
// that see the same /proc find each other by it. getpid() where there is no /proc.
std::int64_t shown_pid() noexcept;

// When process `pid`, as /proc shows it, was started, in the kernel's ticks; 0 when there is none. With it a number that was given again is not taken for
// the process that had it before.
std::uint64_t process_start(std::int64_t pid) noexcept;

// A zombie is dead. `start` = process_start() as it was; where that was 0, nothing can be known, and the process counts as running.
ProcessState process_state(std::int64_t pid, std::uint64_t start) noexcept;

}  // namespace muster::dist
