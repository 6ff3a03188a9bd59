// metrics.jsonl: one JSON object a line, {"step": 10, "epoch": 0.5, "loss": 2.25, ...}, names in the order of the record.
#pragma once

#include <cstdint>
#include <filesystem>

#include "report/append_file.hpp"
#include "report/record.hpp"

namespace muster::report {

class MetricsFile : public Sink {
 public:
  explicit MetricsFile(std::filesystem::path path) : file_(std::move(path)) {}
  // A value that is not finite is written as null: JSON has no name for it.
  void write(const Record& record) override;

 private:
  AppendFile file_;
};

// Keeps the records of steps 1..step and removes the others, and a last line that was cut off: what a run wrote between its
// checkpoint and its death is written again after the resume. Without the file, does nothing. Throws OutputError.
void truncate_metrics_after(const std::filesystem::path& path, std::int64_t step);

}  // namespace muster::report
