// What a handle and the communication thread share: pending, then done or failed, once.
#pragma once

#include <atomic>
#include <string>

namespace muster::dist {

struct Completion {
  enum : int { kPending, kDone, kFailed };  // int: what Linux waits on by futex

  std::atomic<int> state{kPending};
  std::string error;  // written before kFailed

  void finish(int end) noexcept {
    state.store(end, std::memory_order_release);
    state.notify_all();
  }
};

}  // namespace muster::dist
