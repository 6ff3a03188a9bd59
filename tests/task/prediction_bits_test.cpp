// What labelling by any number of workers rests on: the bits of a window's scores are its own. A program of its own, because how sums
// are ordered is settled once per process, before the first product.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include "model/matrix_kernels.hpp"
#include "task/real_task.hpp"

// The kernels of the program, see app/process_setup.cpp.
extern "C" __attribute__((visibility("default"))) int mkl_serv_intel_cpu_true() {
  return 1;
}

namespace muster::task {
namespace {

using testing_support::random_windows;
using testing_support::RealTask;

class PredictionBits : public testing::Test {
 protected:
  // As `muster autolabel` does before anything else.
  static void SetUpTestSuite() { ASSERT_TRUE(model::keep_order_of_sums()); }
};

TEST_F(PredictionBits, DependNeitherOnTheRowNorOnTheOtherRows) {
  for (const int queries : {7, 100}) {
    const RealTask task(queries);
    for (const std::int64_t side : {64, 80}) {
      for (const std::int64_t batch : {2, 3}) {
        SCOPED_TRACE(testing::Message() << queries << " queries, side " << side << ", batch " << batch);
        const at::Tensor windows = random_windows(batch, side);
        const at::Tensor scores = task.scores(windows);
        for (std::int64_t shift = 1; shift < batch; ++shift) {
          EXPECT_TRUE(at::equal(task.scores(windows.roll({shift}, {0})).roll({-shift}, {0}), scores)) << "moved by " << shift;
        }
        for (std::int64_t row = 0; row < batch; ++row) {
          at::Tensor alone = at::zeros_like(windows);
          alone[row] = windows[row];
          EXPECT_TRUE(at::equal(task.scores(alone)[row], scores[row])) << "row " << row;
        }
      }
    }
  }
}

// Ranks of one launch share the processors, so a labelling by two ranks has other thread counts than one by a single rank. Without
// keep_order_of_sums() one window of 112 pixels gets other bits with two threads than with one.
TEST_F(PredictionBits, DoNotDependOnTheNumberOfThreads) {
  const int threads_before = at::get_num_threads();
  const RealTask task(100);
  for (const std::int64_t batch : {1, 2}) {
    const at::Tensor windows = random_windows(batch, 112);
    at::set_num_threads(1);
    const at::Tensor scores = task.scores(windows);
    for (const int threads : {2, 3}) {
      at::set_num_threads(threads);
      EXPECT_TRUE(at::equal(task.scores(windows), scores)) << "batch " << batch << ", " << threads << " threads";
    }
  }
  at::set_num_threads(threads_before);
}

}  // namespace
}  // namespace muster::task
