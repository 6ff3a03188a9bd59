// Hands the numbers of training to everything that shows them: metrics.jsonl, TensorBoard, train.log and the console line.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "report/logger_options.hpp"
#include "report/record.hpp"

namespace muster::report {

// One per run, on rank 0, made after init_logging(). One thread at a time.
//
// A sink that cannot be written (a full disk) is reported once in the log and tried again at the next record: numbers may be
// lost, training is not.
class Reporter {
 public:
  struct Settings {
    std::filesystem::path folder;    // of the run; must exist
    std::int64_t total_steps = 0;    // 1, 2, ... total_steps
    std::int64_t resumed_after = 0;  // > 0: the checkpoint's step; records past it, of the run that was cut off, are removed
  };

  Reporter(const LoggerOptions& options, Settings settings);
  ~Reporter();
  Reporter(const Reporter&) = delete;
  Reporter& operator=(const Reporter&) = delete;

  // After each step. On a terminal every step is shown; files and plain output get the steps of is_recorded().
  void step(const Record& record);
  // After a validation: always written to every file.
  void validation(const Record& record);
  // `done` of `total` batches of "val" (or whatever `what` says) are finished.
  void progress(std::string_view what, std::int64_t done, std::int64_t total);

 private:
  struct Target {
    std::string name;
    std::unique_ptr<Sink> sink;
    std::int64_t lost = 0;  // records that could not be written
  };

  void write_to_files(const Record& record);

  LoggerOptions options_;
  Settings settings_;
  int interval_;
  std::vector<Target> targets_;
};

}  // namespace muster::report
