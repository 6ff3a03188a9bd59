// Waiting for something that has to be polled, without taking the core from those who compute.
#pragma once

#include <algorithm>
#include <chrono>
#include <thread>

#include <sched.h>

namespace muster::dist {

// First gives the core away and comes back at once, which answers a peer that is nearly there in microseconds; then sleeps, longer each
// time, so that a rank that waits for a slow one costs nothing.
class BackOff {
 public:
  void progressed() noexcept { polls_ = 0; }

  void idle() noexcept {
    constexpr int kYields = 200;
    constexpr std::chrono::microseconds kFirstSleep{20}, kLongestSleep{1000};
    if (polls_++ < kYields) {
      sched_yield();
      return;
    }
    sleep_ = polls_ == kYields + 1 ? kFirstSleep : std::min(2 * sleep_, kLongestSleep);
    std::this_thread::sleep_for(sleep_);
  }

 private:
  int polls_ = 0;
  std::chrono::microseconds sleep_{};
};

}  // namespace muster::dist
