#include "train/sample_log.hpp"

#include <cerrno>
#include <fstream>
#include <sstream>

#include <fmt/ranges.h>

#include "core/atomic_file.hpp"
#include "io/value.hpp"

namespace muster::train {

namespace fs = std::filesystem;

namespace {
constexpr const char* kFolder = "sample_ids";
}

SampleLog::SampleLog(const fs::path& run_folder, int rank) : path_(run_folder / kFolder / fmt::format("rank-{}.jsonl", rank)) {
  std::error_code error;
  fs::create_directories(path_.parent_path(), error);
  if (error) {
    throw_output_error("make the folder", path_.parent_path(), error.value());
  }
}

void SampleLog::write(std::int64_t step, const std::vector<data::Batch>& batches) const {
  std::vector<std::string> micro_batches;
  for (const data::Batch& batch : batches) {
    micro_batches.push_back(fmt::format("[{}]", fmt::join(batch.ids, ", ")));
  }
  std::ofstream file(path_, std::ios::app);
  file << fmt::format("{{\"step\": {}, \"micro_batches\": [{}]}}\n", step, fmt::join(micro_batches, ", ")) << std::flush;
  if (!file) {
    throw_output_error("write", path_, errno);
  }
}

void SampleLog::forget_after(const fs::path& run_folder, std::int64_t step) {
  if (!fs::exists(run_folder / kFolder)) {
    return;
  }
  for (const fs::directory_entry& entry : fs::directory_iterator(run_folder / kFolder)) {
    std::istringstream lines(read_file(entry.path()));
    std::string kept;
    for (std::string line; std::getline(lines, line);) {
      if (line.ends_with('}') && io::parse_json(line, entry.path().string()).at("step").as_int() <= step) {
        kept += line + '\n';
      }
    }
    write_file_atomically(entry.path(), kept);
  }
}

}  // namespace muster::train
