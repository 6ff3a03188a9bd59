#include "data/ordered_jobs.hpp"

#include <algorithm>

#include <sched.h>

namespace muster::data {

int worker_threads(int option) {
  if (option > 0) {
    return option;
  }
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  const bool known = ::sched_getaffinity(0, sizeof allowed, &allowed) == 0;
  return std::max(1, known ? CPU_COUNT(&allowed) : static_cast<int>(std::thread::hardware_concurrency()));
}

}  // namespace muster::data
