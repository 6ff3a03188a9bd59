#include "dist/session.hpp"

#include <utility>

#include <spdlog/spdlog.h>
#include <unistd.h>

#include "dist/host_communicator.hpp"
#include "dist/mpi_transport.hpp"

namespace muster::dist {

struct Session::State {
  LaunchEnvironment environment;
  std::shared_ptr<CommThread> mpi;  // outlives the communicators on it
  std::unique_ptr<Communicator> world;
};

Session::Session(std::unique_ptr<State> state) : state_(std::move(state)) {}
Session::~Session() = default;

namespace {

void expect_world(const LaunchEnvironment& environment, int world) {
  if (world != environment.world) {
    throw ConfigError(
        "{} started {} ranks, but MPI joins {} of them: this program's MPI does not know that launcher; start with launch/muster -n {}, or "
        "with "
        "srun --mpi=pmix of a SLURM that was built for the same PMIx",
        environment.launcher, environment.world, world, environment.world);
  }
}

}  // namespace

std::unique_ptr<Session> Session::open() {
  auto state = std::make_unique<State>();
  state->environment = detect_launch();
  LaunchEnvironment& environment = state->environment;
  if (!environment.notice.empty()) {
    spdlog::warn("{}", environment.notice);
  }
  if (environment.world == 1) {
    state->world = make_solo_communicator();
    return std::unique_ptr<Session>(new Session(std::move(state)));
  }
  state->mpi = std::make_shared<CommThread>();
  std::unique_ptr<Transport> transport;
  state->mpi->run([&] {
    start_mpi();
    transport = make_mpi_transport();
  });
  expect_world(environment, transport->world());
  environment.rank = transport->rank();
  state->world = std::make_unique<HostCommunicator>(std::move(transport), state->mpi);
  place_on_nodes(environment, gather_texts(*state->world, environment.host));
  return std::unique_ptr<Session>(new Session(std::move(state)));
}

Communicator& Session::world() noexcept {
  return *state_->world;
}
const LaunchEnvironment& Session::environment() const noexcept {
  return state_->environment;
}

void Session::close() {
  if (state_->world == nullptr) {
    return;
  }
  state_->world->close();
  state_->world.reset();
  if (state_->mpi != nullptr) {
    state_->mpi->run(finish_mpi);
    state_->mpi.reset();
  }
}

// Not MPI_Abort: MPI belongs to another thread, which may be in the middle of a call. A process that ends without MPI_Finalize ends the
// job as well, and the launcher passes its code on.
void Session::abort(ExitCode code) noexcept {
  _exit(static_cast<int>(code));
}

}  // namespace muster::dist
