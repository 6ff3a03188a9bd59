// How far a run is: all that a resume needs beside weights, moments and the sampler's position.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace muster::train {

struct Best {
  double value = 0;       // of metric_args.watch_metric
  std::int64_t step = 0;  // finished steps at that validation
  bool operator==(const Best&) const = default;
};

struct Progress {
  std::int64_t step = 0;     // finished optimizer steps
  std::int64_t updates = 0;  // of these, the ones that changed weights
  std::int64_t skipped = 0;  // and the ones whose gradient was not finite
  std::int64_t validated_step = 0;  // of the last validation
  std::optional<double> last_score;  // of that validation
  std::optional<Best> best;
  bool operator==(const Progress&) const = default;
};

std::string to_json(const Progress& progress);
// CheckpointError for malformed text.
Progress progress_from_json(std::string_view json);

}  // namespace muster::train
