// Waiting for something that has to be polled, without taking the core from those who compute.
#pragma once

#include <algorithm>
#include <chrono>

#include <sched.h>

namespace muster::dist {

// First gives the core away and comes back at once, which answers a peer that is nearly there in microseconds; then sleeps, longer each
// time, so that a rank that waits for a slow one costs next to nothing.
class BackOff {
 public:
  using Time = std::chrono::microseconds;

  BackOff(Time first_sleep, Time longest_sleep) : first_sleep_(first_sleep), longest_sleep_(longest_sleep), sleep_(first_sleep) {}

  void progressed() noexcept {
    polls_ = 0;
    sleep_ = first_sleep_;
  }

  template <class Sleep>
  void idle(Sleep sleep) {
    constexpr int kYields = 100;
    if (polls_ < kYields) {
      ++polls_;
      sched_yield();
      return;
    }
    sleep(sleep_);
    sleep_ = std::min(2 * sleep_, longest_sleep_);
  }

 private:
  Time first_sleep_;
  Time longest_sleep_;
  Time sleep_;
  int polls_ = 0;
};

}  // namespace muster::dist
