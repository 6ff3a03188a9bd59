// The battery of tests/dist over MPI, whose results must have the bits of the thread ranks'; then what is MPI's alone.
#include <chrono>
#include <cstdio>
#include <exception>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>

#include "core/error.hpp"
#include "dist/collective_battery.hpp"
#include "dist/session.hpp"
#include "dist/step_header.hpp"
#include "dist/thread_ranks.hpp"

namespace muster::dist {
namespace {

using testing_support::run_collective_battery;

void expect(bool condition, const std::string& what) {
  if (!condition) {
    throw CommError("{}", what);
  }
}

void battery_has_the_bits_of_thread_ranks(Communicator& world) {
  const auto result = run_collective_battery(world);
  expect(result.faults.empty(), fmt::format("{}", fmt::join(result.faults, "\n")));
  std::vector<std::uint64_t> digests(static_cast<std::size_t>(world.world()));
  if (world.rank() == 0) {
    run_thread_ranks(world.world(), [&](Communicator& thread_rank) {
      digests[static_cast<std::size_t>(thread_rank.rank())] = run_collective_battery(thread_rank).digest;
    });
  }
  world.broadcast(std::as_writable_bytes(std::span(digests)), 0).wait();
  const std::uint64_t wanted = digests[static_cast<std::size_t>(world.rank())];
  expect(result.digest == wanted,
         fmt::format("rank {}: results over MPI ({:x}) and over threads ({:x}) differ", world.rank(), result.digest, wanted));
}

void headers_agree(Communicator& world) {
  for (int step = 0; step < 100; ++step) {
    const double rank = world.rank();
    const Header header = post_header(world, {.sums = {1, rank}, .maxima = {rank}, .agree = world.log_hash()}).wait();
    expect(header.sums[0] == world.world() && header.max_ranks[0] == world.world() - 1, "the step header is wrong");
    expect(header.agreed, fmt::format("rank {} posted other operations", header.disagreeing_rank));
  }
}

void knows_its_place(const Session& session) {
  const LaunchEnvironment& e = session.environment();
  expect(e.launcher == "mpirun" && e.node == 0 && e.local_rank == e.rank && e.local_world == e.world,
         fmt::format("launched by {}: rank {} of {}, local rank {} of {}, node {}", e.launcher, e.rank, e.world, e.local_rank,
                     e.local_world, e.node));
}

void every_rank_hears_who_left(Communicator& world) {
  std::vector<double> values(100'000, 1.0);
  std::string text;
  try {
    if (world.rank() == 1) {
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
      world.poison("a bad sample");
    }
    for (int i = 0; i < 3; ++i) {
      world.all_reduce(std::as_writable_bytes(std::span(values)), ScalarType::kF64).wait();
    }
  } catch (const CommError& error) {
    text = error.what();
  }
  expect(text == "rank 1 left: a bad sample", fmt::format("rank {} heard '{}' when rank 1 left", world.rank(), text));
}

void every_rank_hears_of_a_wrong_order(Communicator& world) {
  std::string text;
  try {
    std::vector<double> values(world.rank() == 1 ? 2000 : 3000);
    world.all_reduce(std::as_writable_bytes(std::span(values)), ScalarType::kF64).wait();
  } catch (const CommError& error) {
    text = error.what();
  }
  expect(text.find("all_reduce of 2000 F64") != std::string::npos && text.find("all_reduce of 3000 F64") != std::string::npos,
         fmt::format("rank {} heard '{}' of a wrong order", world.rank(), text));
}

int run() {
  const auto session = Session::open();
  Communicator& world = session->world();
  try {
    knows_its_place(*session);
    battery_has_the_bits_of_thread_ranks(world);
    headers_agree(world);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    Session::abort(ExitCode::kBug);
  }
  session->close();
  return 0;
}

// A session that lost its order cannot be closed: these end by abort(), with 75 for "as expected".
int run_broken(const std::function<void(Communicator&)>& scenario) {
  const auto session = Session::open();
  scenario(session->world());
  std::fprintf(stderr, "rank %d heard it\n", session->world().rank());
  std::this_thread::sleep_for(std::chrono::seconds(3));  // mpirun ends the others when the first one leaves: they are to hear of it too
  Session::abort(ExitCode::kComeBack);
}

}  // namespace
}  // namespace muster::dist

int main(int argc, char** argv) {
  const std::string scenario = argc > 1 ? argv[1] : "";
  try {
    if (scenario == "leave") {
      return muster::dist::run_broken(muster::dist::every_rank_hears_who_left);
    }
    if (scenario == "order") {
      return muster::dist::run_broken(muster::dist::every_rank_hears_of_a_wrong_order);
    }
    return muster::dist::run();
  } catch (const muster::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    muster::dist::Session::abort(error.code());
  }
}
