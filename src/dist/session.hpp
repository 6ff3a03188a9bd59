// One process' part in the job: opened first, closed last.
#pragma once

#include <memory>

#include "core/error.hpp"
#include "dist/communicator.hpp"
#include "dist/launch_environment.hpp"

namespace muster::dist {

// MPI is initialised, used and finalised by one thread of its own (CONTRACTS 9), and only where mpirun or srun started more than one
// rank; elsewhere the communicator is the solo one.
class Session {
 public:
  // Collective over the job. ConfigError when the launcher and MPI do not fit together (srun without a matching PMI), with the remedy;
  // CommError when MPI fails.
  static std::unique_ptr<Session> open();
  ~Session();  // without close(): ends nothing that other ranks take part in
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  Communicator& world() noexcept;
  const LaunchEnvironment& environment() const noexcept;

  // Collective, last: returns when all ranks came here and MPI is finalised. A second call does nothing.
  void close();
  // This rank ends at once with `code`, with no destructor run; the launcher then ends the others. Close the loggers first. Any thread.
  [[noreturn]] static void abort(ExitCode code) noexcept;

 private:
  struct State;
  explicit Session(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace muster::dist
