// Independent pieces of work on as many threads as LibTorch may use.
#pragma once

#include <cstddef>
#include <functional>

namespace muster::model {

// Calls work(i) once for every i in [0, count), in any order, on at::get_num_threads() threads of which the caller is one;
// returns when all are done. Work that writes only what belongs to i gives the same bits for any number of threads.
// The first exception is thrown again here, after the others have stopped. (at::parallel_for is of no use to us: outside of
// LibTorch it is parallel only in sources built with OpenMP, against a second copy of its runtime.)
void parallel_items(std::size_t count, const std::function<void(std::size_t)>& work);

}  // namespace muster::model
