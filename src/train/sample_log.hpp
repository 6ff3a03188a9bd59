// Which samples this rank has trained on, for whoever wants to see that none is lost or repeated (`logger_args.sample_ids`).
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "data/sample.hpp"

namespace muster::train {

// RUN/sample_ids/rank-K.jsonl, a line per step: {"step": 7, "micro_batches": [[3, 14], [15]]}. Lines of steps after `resumed_after`, of a
// run that was cut off, are removed from the files of all ranks by rank 0.
class SampleLog {
 public:
  // OutputError when the file cannot be written.
  SampleLog(const std::filesystem::path& run_folder, int rank);

  void write(std::int64_t step, const std::vector<data::Batch>& batches) const;

  // Collective order is the caller's: before any rank writes again.
  static void forget_after(const std::filesystem::path& run_folder, std::int64_t step);

 private:
  std::filesystem::path path_;
};

}  // namespace muster::train
