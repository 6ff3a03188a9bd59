#include "dist/comm_thread.hpp"

#include <future>
#include <memory>
#include <utility>

namespace muster::dist {

CommThread::CommThread() : thread_([this] { work(); }) {}

CommThread::~CommThread() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  posted_.notify_one();
  thread_.join();
}

void CommThread::post(std::function<void()> task) {
  {
    const std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(task));
  }
  posted_.notify_one();
}

void CommThread::run(const std::function<void()>& task) {
  const auto packaged = std::make_shared<std::packaged_task<void()>>(task);
  std::future<void> end = packaged->get_future();
  post([packaged] { (*packaged)(); });
  end.get();
}

void CommThread::work() {
  std::unique_lock lock(mutex_);
  while (true) {
    posted_.wait(lock, [this] { return closing_ || !tasks_.empty(); });
    if (tasks_.empty()) {
      return;
    }
    const std::function<void()> task = std::move(tasks_.front());
    tasks_.pop_front();
    lock.unlock();
    task();
    lock.lock();
  }
}

}  // namespace muster::dist
