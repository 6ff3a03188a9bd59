#include "app/process_setup.hpp"

#include <cstdlib>

#include <malloc.h>
#include <sched.h>

#include <ATen/Parallel.h>

// MKL inside LibTorch asks this before it picks matrix kernels; on other makes of processor it would take slower ones although
// the same instructions are there. The executable exports the symbol, so MKL finds this answer first.
extern "C" __attribute__((visibility("default"))) int mkl_serv_intel_cpu_true() { return 1; }

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

void set_up_process() {
  // Activations are freed and allocated again every step; handing the pages back to the system in between costs a fifth of it.
  mallopt(M_MMAP_THRESHOLD, 32 << 20);  // the largest that glibc takes
  mallopt(M_TRIM_THRESHOLD, -1);        // never
  at::set_num_threads(wanted_threads());
  at::set_num_interop_threads(1);
}

}  // namespace muster::app
