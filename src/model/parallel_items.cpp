#include "model/parallel_items.hpp"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include <ATen/Parallel.h>

namespace muster::model {

void parallel_items(std::size_t count, const std::function<void(std::size_t)>& work) {
  std::atomic<std::size_t> next = 0;
  std::mutex guard;
  std::exception_ptr first_error;
  const auto take_items = [&] {
    for (std::size_t item = next++; item < count; item = next++) {
      try {
        work(item);
      } catch (...) {
        const std::scoped_lock lock(guard);
        first_error = first_error ? first_error : std::current_exception();
        next = count;  // nobody starts another one
      }
    }
  };
  {
    std::vector<std::jthread> helpers;  // a thread starts in 20 us, far less than the work it is given
    const std::size_t threads = std::min(count, static_cast<std::size_t>(std::max(1, at::get_num_threads())));
    for (std::size_t i = 1; i < threads; ++i) {
      helpers.emplace_back(take_items);
    }
    take_items();
  }
  if (first_error) {
    std::rethrow_exception(first_error);
  }
}

}  // namespace muster::model
