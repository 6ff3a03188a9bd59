// Who started this process, and as which rank of how many: read from the environment, before MPI is there.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace muster::dist {

struct LaunchEnvironment {
  int rank = 0;
  int world = 1;
  int local_rank = 0;  // among the ranks of this node
  int local_world = 1;
  int node = 0;                   // nodes are numbered in the order of their lowest rank; Session finds it, with local_*, from all hosts
  std::string launcher = "none";  // "none", "mpirun", "srun"
  std::string host = "localhost";
  // Not empty: something that the user should hear of once, such as a SLURM batch script of eight tasks that starts one rank.
  std::string notice;
};

// As std::getenv: nullptr for a name that is not set.
using Lookup = std::function<const char*(const char*)>;

// mpirun: OMPI_COMM_WORLD_{RANK, SIZE, LOCAL_RANK, LOCAL_SIZE}. srun: SLURM_{PROCID, LOCALID, NODEID} and SLURM_STEP_NUM_TASKS (else
// SLURM_NTASKS), together with PMIX_RANK, without which ranks cannot find each other: then ConfigError with the remedy. A batch script
// itself (SLURM_JOB_ID without SLURM_STEP_ID) is one rank, with a notice where the job has several tasks.
// ConfigError for a value that is no number or does not fit the others.
LaunchEnvironment detect_launch(const Lookup& lookup);
// The same from this process' environment, with the name of the host.
LaunchEnvironment detect_launch();

// Sets node, local_rank and local_world from the hosts of all ranks: ranks with the same host share a node.
void place_on_nodes(LaunchEnvironment& environment, const std::vector<std::string>& host_of_rank);

}  // namespace muster::dist
