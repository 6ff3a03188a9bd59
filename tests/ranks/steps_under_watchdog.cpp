// steps_under_watchdog FOLDER DEADLINE_S STEPS PAUSE_S: steps of one collective under a watchdog, before each of which one rank in turn
// pauses. Rank r writes its process number to FOLDER/rank-r once it is in its steps. For faults_test.py, which stops and kills them.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <thread>
#include <vector>

#include <unistd.h>

#include "core/atomic_file.hpp"
#include "core/error.hpp"
#include "core/stop_flags.hpp"
#include "dist/process_state.hpp"
#include "dist/session.hpp"
#include "dist/watchdog.hpp"

int main(int argc, char** argv) {
  using namespace muster;
  if (argc != 5) {
    std::fprintf(stderr, "steps_under_watchdog FOLDER DEADLINE_S STEPS PAUSE_S\n");
    return 2;
  }
  const std::filesystem::path folder = argv[1];
  const double deadline = std::atof(argv[2]);
  const int steps = std::atoi(argv[3]);
  const std::chrono::duration<double> pause(std::atof(argv[4]));
  install_stop_handlers();  // as the program does: mpirun's TERM after a death does not end us at once
  try {
    const auto session = dist::Session::open();
    dist::Communicator& world = session->world();
    {
      dist::Watchdog watchdog(world, session->environment(), folder / "flight", "run", {deadline, deadline, deadline});
      watchdog.phase(dist::Phase::kStep);
      std::vector<float> values(1000, 1.0F);
      for (int step = 0; step < steps; ++step) {
        if (step % world.world() == world.rank()) {
          std::this_thread::sleep_for(pause);
        }
        world.label("blocks." + std::to_string(step % 12));
        world.all_reduce(std::as_writable_bytes(std::span(values)), ScalarType::kF32).wait();
        if (step == 10) {
          write_file_atomically(folder / ("rank-" + std::to_string(world.rank())), std::to_string(getpid()) + " " + std::to_string(muster::dist::shown_pid()));
        }
      }
    }
    session->close();
  } catch (const Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    dist::Session::abort(error.code());
  }
  return 0;
}
