// The one thread that carries out communication, in the order in which it was posted. MPI is called from nowhere else.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace muster::dist {

class CommThread {
 public:
  CommThread();
  ~CommThread();  // after all that was posted
  CommThread(const CommThread&) = delete;
  CommThread& operator=(const CommThread&) = delete;

  // Returns at once. The task throws nothing. Any thread.
  void post(std::function<void()> task);
  // Posts, waits, and throws here what the task threw there. Any thread but this one.
  void run(const std::function<void()>& task);

 private:
  void work();

  std::mutex mutex_;
  std::condition_variable posted_;
  std::deque<std::function<void()>> tasks_;
  bool closing_ = false;
  std::thread thread_;  // last: starts when all else is there
};

}  // namespace muster::dist
