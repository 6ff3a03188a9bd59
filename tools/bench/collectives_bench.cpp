// What the host collectives cost under mpirun: the step header, and all_reduce from 4 KB to 88 MB beside a copy in memory.
//   mpirun --oversubscribe --bind-to none -n 2 build/dev/tests/ranks/collectives_bench
#include <algorithm>
#include <chrono>
#include <cstring>
#include <ctime>
#include <functional>
#include <thread>
#include <vector>

#include <fmt/format.h>

#include "dist/session.hpp"
#include "dist/step_header.hpp"

namespace {

using namespace muster;
using Clock = std::chrono::steady_clock;

struct Times {
  double median, p10, p90;  // seconds
  double cpu;               // seconds that all threads of this rank computed, per repeat: what is taken from the model
};

double cpu_seconds() {
  timespec t{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

Times measure(int repeats, dist::Communicator& world, const std::function<void()>& body) {
  std::vector<double> seconds;
  double cpu = 0;
  for (int i = 0; i < repeats + 3; ++i) {
    world.barrier().wait();
    const auto begin = Clock::now();
    const double cpu_begin = cpu_seconds();
    body();
    if (i >= 3) {
      cpu += (cpu_seconds() - cpu_begin) / repeats;
      seconds.push_back(std::chrono::duration<double>(Clock::now() - begin).count());
    }
  }
  std::ranges::sort(seconds);
  return {seconds[seconds.size() / 2], seconds[seconds.size() / 10], seconds[seconds.size() * 9 / 10], cpu};
}

void print(dist::Communicator& world, const char* what, const Times& t, double bytes) {
  if (world.rank() == 0) {
    fmt::print("{:24} {:10.1f} us  (p10 {:.1f}, p90 {:.1f}; processor {:.1f})  {:6.2f} GB/s\n", what, t.median * 1e6, t.p10 * 1e6,
               t.p90 * 1e6, t.cpu * 1e6, bytes / t.median * 1e-9);
  }
}

}  // namespace

int main() {
  const auto session = dist::Session::open();
  dist::Communicator& world = session->world();
  const dist::HeaderPost post{.sums = std::vector<double>(8, 1.0), .maxima = std::vector<double>(6, 1.0), .agree = 1};
  print(world, "step header", measure(1000, world, [&] { dist::post_header(world, post).wait(); }), 0);
  for (const std::size_t bytes : {4096UL, 65536UL, 1UL << 20U, 22'000'000UL, 88'000'000UL}) {
    std::vector<float> values(bytes / 4, 1.0F);
    std::vector<float> copy(values.size());
    const int repeats = bytes > (1U << 21U) ? 20 : 200;
    print(world, fmt::format("copy {}", bytes).c_str(), measure(repeats, world, [&] { std::memcpy(copy.data(), values.data(), bytes); }),
          static_cast<double>(bytes));
    print(world, fmt::format("all_reduce {} F32", bytes / 4).c_str(),
          measure(repeats, world, [&] { world.all_reduce(std::as_writable_bytes(std::span(values)), ScalarType::kF32).wait(); }),
          static_cast<double>(bytes));
  }
  // What a rank that waits for another for a tenth of a second takes from it.
  print(world, "waiting for rank 1",
        measure(10, world,
                [&] {
                  if (world.rank() == 1) {
                    std::this_thread::sleep_for(std::chrono::milliseconds(100));
                  }
                  world.barrier().wait();
                }),
        0);
  session->close();
}
