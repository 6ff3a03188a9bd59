#include "core/stop_flags.hpp"

#include <atomic>
#include <csignal>
#include <initializer_list>

namespace muster {
namespace {

std::atomic<int> g_stop_signal{0};
static_assert(std::atomic<int>::is_always_lock_free, "a signal handler may only touch lock-free atomics");

}  // namespace

void request_stop(int signal_number) noexcept { g_stop_signal.store(signal_number, std::memory_order_relaxed); }

int requested_stop() noexcept { return g_stop_signal.load(std::memory_order_relaxed); }

void install_stop_handlers() {
  struct sigaction action {};
  action.sa_handler = request_stop;
  sigemptyset(&action.sa_mask);
  action.sa_flags = SA_RESTART;
  for (const int signal_number : {SIGTERM, SIGUSR2, SIGINT}) {
    sigaction(signal_number, &action, nullptr);
  }
}

}  // namespace muster
