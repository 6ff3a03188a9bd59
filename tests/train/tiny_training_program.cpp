// tiny_training MICRO_STEPS fp32|fp64 STEPS: the tiny training on the ranks that mpirun started; rank 0 prints the hash of weights
// and moments. With --threads RANKS in front: on threads instead, as the other side of the comparison.
#include <cstdlib>
#include <string>
#include <string_view>

#include <ATen/Parallel.h>
#include <fmt/format.h>

#include "dist/session.hpp"
#include "dist/thread_ranks.hpp"
#include "tiny_training.hpp"

namespace {

void run(muster::dist::Communicator& ranks, char** arguments) {
  at::set_num_threads(1);
  const muster::train::TinyResult result = muster::train::train_tiny(
      {.steps = std::atoi(arguments[2]), .micro_steps = std::atoi(arguments[0]), .fp64 = std::string_view(arguments[1]) == "fp64"}, ranks);
  const std::vector<std::string> hashes = muster::dist::gather_texts(ranks, result.hash);
  for (const std::string& hash : hashes) {
    if (hash != result.hash) {
      throw muster::InvariantError("ranks hold different bits");
    }
  }
  if (ranks.rank() == 0) {
    fmt::print("{}\n", result.hash);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 6 && std::string_view(argv[1]) == "--threads") {
    muster::dist::run_thread_ranks(std::atoi(argv[2]), [&](muster::dist::Communicator& ranks) { run(ranks, argv + 3); });
    return 0;
  }
  if (argc != 4) {
    fmt::print(stderr, "usage: tiny_training [--threads RANKS] MICRO_STEPS fp32|fp64 STEPS\n");
    return 2;
  }
  const auto session = muster::dist::Session::open();
  run(session->world(), argv + 1);
  session->close();
  return 0;
}
