// report_two_starts FOLDER: what a run leaves that dies after step 8, with its last checkpoint at step 5, and is started again.
#include <filesystem>

#include "report/log.hpp"
#include "report/reporter.hpp"

namespace {

// Values say which start wrote them: 100 * start + step.
void run(const std::filesystem::path& folder, int start, std::int64_t first_step, std::int64_t last_step, std::int64_t resumed_after) {
  muster::report::Reporter reporter({.log_every_num_steps = 1}, {.folder = folder, .total_steps = 10, .resumed_after = resumed_after});
  for (std::int64_t step = first_step; step <= last_step; ++step) {
    const double value = 100.0 * start + static_cast<double>(step);
    reporter.step({.step = step,
                   .epoch = 0.1 * static_cast<double>(step),
                   .values = {{"loss", value}, {"lr", 1e-3 / 3}, {"loss_mask/block3", -value}}});
  }
  reporter.validation({.step = last_step, .epoch = 1.0, .values = {{"val_metric/miou", 0.25 * start}}});
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    return 2;
  }
  muster::report::init_logging(argv[1]);
  run(argv[1], 1, 1, 8, 0);
  run(argv[1], 2, 6, 10, 5);
  muster::report::close_logging();
}
