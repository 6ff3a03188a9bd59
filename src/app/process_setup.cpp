#include "app/process_setup.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <string>

#include <malloc.h>
#include <sched.h>

#include <ATen/Parallel.h>

#include "core/error.hpp"
#include "dist/communicator.hpp"

// MKL inside LibTorch asks this before it picks matrix kernels; on other makes of processor it would take slower ones although
// the same instructions are there. The executable exports the symbol, so MKL finds this answer first.
extern "C" __attribute__((visibility("default"))) int mkl_serv_intel_cpu_true() {
  return 1;
}

namespace muster::app {
namespace {

cpu_set_t own_processors() {
  cpu_set_t mask;
  CPU_ZERO(&mask);
  check(sched_getaffinity(0, sizeof mask, &mask) == 0, "sched_getaffinity: {}", errno_text(errno));
  return mask;
}

// How many ranks of this host, this one included, may run on some of the same processors.
int sharing_ranks(dist::Session& session, const cpu_set_t& mine) {
  const std::string host = session.environment().host + '\0';
  const std::string all = host + std::string(reinterpret_cast<const char*>(&mine), sizeof mine);
  return static_cast<int>(std::ranges::count_if(dist::gather_texts(session.world(), all), [&](const std::string& theirs) {
    if (!theirs.starts_with(host) || theirs.size() != all.size()) {
      return false;
    }
    cpu_set_t common;
    std::memcpy(&common, theirs.data() + host.size(), sizeof common);
    CPU_AND(&common, &common, &mine);
    return CPU_COUNT(&common) > 0;
  }));
}

int wanted_threads(dist::Session& session) {
  const cpu_set_t mine = own_processors();
  const int sharing = sharing_ranks(session, mine);  // collective, so also where the answer is not needed
  const char* text = std::getenv("OMP_NUM_THREADS");
  const int asked = text == nullptr ? 0 : std::atoi(text);
  return asked > 0 ? asked : std::max(1, CPU_COUNT(&mine) / sharing);
}

}  // namespace

void set_up_process(dist::Session& session) {
  std::signal(SIGXFSZ, SIG_IGN);  // a limit of file sizes is then a failed write, reported as any other, and not the end
  // Activations are freed and allocated again every step; handing the pages back to the system in between costs a fifth of it.
  mallopt(M_MMAP_THRESHOLD, 32 << 20);  // the largest that glibc takes
  mallopt(M_TRIM_THRESHOLD, -1);        // never
  at::set_num_threads(wanted_threads(session));
  at::set_num_interop_threads(1);
}

}  // namespace muster::app
