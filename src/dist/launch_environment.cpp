#include "dist/launch_environment.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <optional>
#include <set>
#include <string_view>

#include <fmt/format.h>
#include <unistd.h>

#include "core/error.hpp"

namespace muster::dist {
namespace {

std::optional<int> number(const Lookup& lookup, const char* name) {
  const char* const text = lookup(name);
  if (text == nullptr) {
    return std::nullopt;
  }
  const std::string_view digits(text);
  int value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc() || end != digits.data() + digits.size() || value < 0) {
    throw ConfigError("{}={} is no number of ranks; unset it, or start with launch/muster -n RANKS", name, text);
  }
  return value;
}

int need(const Lookup& lookup, const char* name, const char* beside) {
  const std::optional<int> value = number(lookup, name);
  if (!value) {
    throw ConfigError("{} is set, but not {}: no launcher leaves the environment like that; start with launch/muster -n RANKS", beside,
                      name);
  }
  return *value;
}

void check_fits(const LaunchEnvironment& e) {
  if (e.rank >= e.world || e.local_rank >= e.local_world || e.local_world > e.world) {
    throw ConfigError("the environment of {} says rank {} of {}, local rank {} of {}: start with launch/muster -n RANKS", e.launcher,
                      e.rank, e.world, e.local_rank, e.local_world);
  }
}

LaunchEnvironment from_mpirun(const Lookup& lookup) {
  constexpr const char* kWorld = "OMPI_COMM_WORLD_SIZE";
  LaunchEnvironment e{.rank = need(lookup, "OMPI_COMM_WORLD_RANK", kWorld),
                      .world = need(lookup, kWorld, kWorld),
                      .local_rank = number(lookup, "OMPI_COMM_WORLD_LOCAL_RANK").value_or(0),
                      .local_world = number(lookup, "OMPI_COMM_WORLD_LOCAL_SIZE").value_or(1),
                      .launcher = "mpirun",
                      .notice = {}};
  check_fits(e);
  return e;
}

LaunchEnvironment from_srun(const Lookup& lookup, int world) {
  if (lookup("PMIX_RANK") == nullptr) {
    throw ConfigError(
        "SLURM started {} tasks, but without PMIx, so they cannot find each other and each would train alone; start with srun --mpi=pmix "
        "(srun --mpi=list shows whether it is there), or with launch/muster -n {} inside sbatch",
        world, world);
  }
  LaunchEnvironment e{.rank = need(lookup, "SLURM_PROCID", "PMIX_RANK"),
                      .world = world,
                      .local_rank = number(lookup, "SLURM_LOCALID").value_or(0),
                      .local_world = world,  // at most; Session counts them
                      .node = number(lookup, "SLURM_NODEID").value_or(0),
                      .launcher = "srun",
                      .notice = {}};
  check_fits(e);
  return e;
}

}  // namespace

LaunchEnvironment detect_launch(const Lookup& lookup) {
  // First, because mpirun inside sbatch starts its remote daemons with srun.
  if (number(lookup, "OMPI_COMM_WORLD_SIZE")) {
    return from_mpirun(lookup);
  }
  const std::optional<int> step_tasks = number(lookup, "SLURM_STEP_NUM_TASKS");
  const int tasks = step_tasks ? *step_tasks : number(lookup, "SLURM_NTASKS").value_or(1);
  const bool batch_script = lookup("SLURM_JOB_ID") != nullptr && lookup("SLURM_STEP_ID") == nullptr && lookup("PMIX_RANK") == nullptr;
  LaunchEnvironment e{.notice = {}};
  if (tasks > 1 && batch_script) {
    e.notice = fmt::format(
        "this SLURM job has {} tasks, but this command runs as one rank; for all of them start it with srun --mpi=pmix, or launch/muster "
        "-n {}",
        tasks, tasks);
  } else if (tasks > 1) {
    return from_srun(lookup, tasks);
  }
  return e;
}

LaunchEnvironment detect_launch() {
  LaunchEnvironment e = detect_launch([](const char* name) { return std::getenv(name); });
  std::array<char, 256> host{};
  if (gethostname(host.data(), host.size() - 1) == 0) {
    e.host = host.data();
  }
  return e;
}

void place_on_nodes(LaunchEnvironment& environment, const std::vector<std::string>& host_of_rank) {
  check(environment.rank < static_cast<int>(host_of_rank.size()), "rank {} of {} hosts", environment.rank, host_of_rank.size());
  const auto begin = host_of_rank.begin();
  const auto self = begin + environment.rank;
  environment.local_rank = static_cast<int>(std::count(begin, self, *self));
  environment.local_world = static_cast<int>(std::count(begin, host_of_rank.end(), *self));
  const std::set<std::string> before(begin, std::find(begin, self, *self));
  environment.node = static_cast<int>(before.size());
}

}  // namespace muster::dist
