// Independent pieces of work on LibTorch's threads.
#pragma once

#include <cstddef>
#include <functional>

namespace muster::model {

// Calls work(i) once for every i in [0, count), in any order, on at most at::get_num_threads() threads of which the caller is
// one; returns when all are done. Work that writes only what belongs to i gives the same bits for any number of threads. An
// exception comes out here once all threads are through.
void parallel_items(std::size_t count, const std::function<void(std::size_t)>& work);

}  // namespace muster::model
