// Work done ahead by threads and handed over in order: the engine of the loader and of the evaluation reader.
//
// The work comes in groups (a step's batches, a sample), each of one or more independent jobs. Groups are opened in order and
// at most `lookahead` of them are open; pop() hands over the oldest when all of its jobs are done. Which thread did what
// leaves no trace in the result.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>
#include <utility>
#include <vector>

namespace muster::data {

// Threads of an option: itself, or for 0 the number of processors in this thread's affinity mask.
int worker_threads(int option);

template <class Group>
class OrderedJobs {
 public:
  struct Opened {
    Group group;
    std::size_t jobs = 1;
  };
  // The next group, or nothing after the last. Called by one thread at a time, in order.
  using Open = std::function<std::optional<Opened>()>;
  // Job `job` of the group, in [0, jobs). Called by several threads at once, for different jobs.
  using Work = std::function<void(Group&, std::size_t job)>;

  OrderedJobs(int threads, std::size_t lookahead, Open open, Work work)
      : lookahead_(lookahead), open_(std::move(open)), work_(std::move(work)) {
    for (int i = 0; i < threads; ++i) {
      threads_.emplace_back([this](const std::stop_token& stop) { run(stop); });
    }
  }
  // Waits for the jobs in work; the others are dropped.
  ~OrderedJobs() {
    for (std::jthread& thread : threads_) {
      thread.request_stop();
    }
    threads_.clear();
  }
  OrderedJobs(const OrderedJobs&) = delete;
  OrderedJobs& operator=(const OrderedJobs&) = delete;

  // The oldest group, or nothing when there is none left. What one of its jobs threw (the first by number) is thrown here, now and
  // at every later call. One thread.
  std::optional<Group> pop() {
    std::unique_lock lock(mutex_);
    ready_.wait(lock, [this] { return slots_.empty() ? exhausted_ : slots_.front()->done == slots_.front()->jobs; });
    if (slots_.empty()) {
      return std::nullopt;
    }
    if (slots_.front()->error) {
      std::rethrow_exception(slots_.front()->error);
    }
    std::optional<Group> group(std::move(slots_.front()->group));
    slots_.pop_front();
    room_.notify_all();
    return group;
  }

  // Drops all open groups and goes on with what `open` gives after `change` has been called. Jobs in work finish unseen.
  template <class Change>
  void restart(Change&& change) {
    const std::lock_guard lock(mutex_);
    slots_.clear();
    exhausted_ = false;
    change();
    room_.notify_all();
  }

 private:
  struct Slot {
    Group group;
    std::size_t jobs = 0;
    std::size_t claimed = 0;
    std::size_t done = 0;
    std::size_t failed_job = 0;
    std::exception_ptr error;
  };

  // The oldest group with an unclaimed job; opens the next one where there is room. Null: nothing to do now.
  std::shared_ptr<Slot> claimable() {
    for (const std::shared_ptr<Slot>& slot : slots_) {
      if (slot->claimed < slot->jobs) {
        return slot;
      }
    }
    if (exhausted_ || slots_.size() >= lookahead_) {
      return nullptr;
    }
    auto slot = std::make_shared<Slot>();
    try {
      std::optional<Opened> opened = open_();
      exhausted_ = !opened;
      if (opened) {
        slot->group = std::move(opened->group);
        slot->jobs = opened->jobs;
      }
    } catch (...) {
      slot->error = std::current_exception();  // a group without jobs: pop() finds it done, and failed
      exhausted_ = true;
    }
    if (slot->jobs > 0 || slot->error) {
      slots_.push_back(slot);
    }
    if (slot->jobs == 0) {
      ready_.notify_all();
      return nullptr;
    }
    return slot;
  }

  void run(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    while (true) {
      std::shared_ptr<Slot> slot;
      room_.wait(lock, stop, [&] { return (slot = claimable()) != nullptr; });
      if (stop.stop_requested()) {
        return;
      }
      const std::size_t job = slot->claimed++;
      lock.unlock();
      std::exception_ptr error;
      try {
        work_(slot->group, job);
      } catch (...) {
        error = std::current_exception();
      }
      lock.lock();
      if (error && (!slot->error || job < slot->failed_job)) {
        slot->error = error;
        slot->failed_job = job;
      }
      if (++slot->done == slot->jobs) {
        ready_.notify_all();
      }
    }
  }

  const std::size_t lookahead_;
  const Open open_;
  const Work work_;
  std::mutex mutex_;
  std::condition_variable_any room_;  // a worker may find something to claim
  std::condition_variable ready_;     // the oldest group may be done, or there is none
  std::deque<std::shared_ptr<Slot>> slots_;
  bool exhausted_ = false;
  std::vector<std::jthread> threads_;  // last: stops before the rest goes
};

}  // namespace muster::data
