// Ends a job whose ranks wait for one that does not come, and says which (CONTRACTS 10).
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "dist/communicator.hpp"
#include "dist/launch_environment.hpp"
#include "dist/watchdog_options.hpp"

namespace muster::dist {

enum class Phase { kFirstStep, kStep, kCheckpoint };

// Every rank of a node writes what it does to a board in shared memory. When an operation of this rank takes longer than the deadline
// of the phase, or a rank of this node is dead, one rank per node writes `flight/<node>.json` (the last 64 operations of each local
// rank, also of stopped and dead ones), the lowest surviving node merges them to `flight/report.json` and says in one sentence on
// stderr which rank is furthest behind, and all leave with _exit(75). A quarter of a second is added to each deadline for ranks that are
// ready but not scheduled; time in which the whole job was suspended does not count.
//
// World 1: does nothing, and makes no files. One per process besides thread ranks.
class Watchdog {
 public:
  // Collective. `folder` is the run's flight folder, made when it is needed; `run_id` names the run on the board and in the files.
  // `leave` is called in place of _exit(75) by tests, on the watchdog's thread.
  Watchdog(Communicator& communicator, const LaunchEnvironment& environment, std::filesystem::path folder, std::string run_id,
           const TimeoutOptions& timeouts, std::function<void()> leave = {});
  ~Watchdog();  // before the communicator is closed
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

  // Starts with kFirstStep. Call it alike on all ranks: deadlines are those of the phase that the waiting rank is in. Any thread.
  void phase(Phase phase) noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace muster::dist
