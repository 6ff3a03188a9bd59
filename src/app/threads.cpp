#include "app/threads.hpp"

#include <cstdlib>

#include <sched.h>

#include <ATen/Parallel.h>

namespace muster::app {
namespace {

int wanted_threads() {
  const char* text = std::getenv("OMP_NUM_THREADS");
  const int asked = text == nullptr ? 0 : std::atoi(text);
  if (asked > 0) {
    return asked;
  }
  cpu_set_t mask;
  CPU_ZERO(&mask);
  return sched_getaffinity(0, sizeof mask, &mask) == 0 ? CPU_COUNT(&mask) : 1;
}

}  // namespace

void set_compute_threads() {
  at::set_num_threads(wanted_threads());
  at::set_num_interop_threads(1);
}

}  // namespace muster::app
