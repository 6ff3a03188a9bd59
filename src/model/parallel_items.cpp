#include "model/parallel_items.hpp"

#include <algorithm>
#include <atomic>

#include <ATen/Parallel.h>

namespace muster::model {

void parallel_items(std::size_t count, const std::function<void(std::size_t)>& work) {
  // Threads take the next piece when they are done with one, since pieces differ in size.
  std::atomic<std::size_t> next = 0;
  const auto threads = static_cast<std::int64_t>(std::min(count, static_cast<std::size_t>(std::max(1, at::get_num_threads()))));
  at::parallel_for(0, threads, 1, [&](std::int64_t, std::int64_t) {
    for (std::size_t item = next++; item < count; item = next++) {
      work(item);
    }
  });
}

}  // namespace muster::model
