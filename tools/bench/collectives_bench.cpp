// What the host collectives cost under mpirun: the step header, and all_reduce from 4 KB to 88 MB beside a copy in memory.
//   mpirun --oversubscribe --bind-to none -n 2 build/dev/tests/ranks/collectives_bench
#include <algorithm>
#include <chrono>
#include <cstring>
#include <functional>
#include <vector>

#include <fmt/format.h>

#include "dist/session.hpp"
#include "dist/step_header.hpp"

namespace {

using namespace muster;
using Clock = std::chrono::steady_clock;

struct Times {
  double median, p10, p90;  // seconds
};

Times measure(int repeats, dist::Communicator& world, const std::function<void()>& body) {
  std::vector<double> seconds;
  for (int i = 0; i < repeats + 3; ++i) {
    world.barrier().wait();
    const auto begin = Clock::now();
    body();
    if (i >= 3) {
      seconds.push_back(std::chrono::duration<double>(Clock::now() - begin).count());
    }
  }
  std::ranges::sort(seconds);
  return {seconds[seconds.size() / 2], seconds[seconds.size() / 10], seconds[seconds.size() * 9 / 10]};
}

void print(dist::Communicator& world, const char* what, const Times& t, double bytes) {
  if (world.rank() == 0) {
    fmt::print("{:24} {:10.1f} us  (p10 {:.1f}, p90 {:.1f})  {:6.2f} GB/s\n", what, t.median * 1e6, t.p10 * 1e6, t.p90 * 1e6,
               bytes / t.median * 1e-9);
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
  session->close();
}
