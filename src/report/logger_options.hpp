// What is reported and how often: `logger_args.*` of a recipe.
#pragma once

#include <cstdint>
#include <optional>

#include "core/options.hpp"

namespace muster::report {

struct LoggerOptions {
  std::optional<bool> tensorboard = true;        // null, as in `logger_args={"tensorboard": None}`, or false: no event file
  std::optional<int> log_every_num_steps{};      // none: log_interval() chooses
  std::optional<int> val_every_num_steps{};      // none: validation_interval() chooses
  std::optional<int> val_log_every_num_steps{};  // none: validation_log_interval() chooses
  bool sample_ids = false;                       // which samples each rank trains on, step by step
};

template <class Visitor>
void visit(Visitor& v, LoggerOptions& o) {
  v.field("tensorboard", o.tensorboard, any_value(), "write events.out.tfevents.* beside metrics.jsonl; null switches it off");
  v.field("log_every_num_steps", o.log_every_num_steps, at_least(1), "steps between two records; null = min(100, steps / 10)");
  v.field("val_every_num_steps", o.val_every_num_steps, at_least(1), "steps between two validations; null = min(1000, steps)");
  v.field("val_log_every_num_steps", o.val_log_every_num_steps, at_least(1),
          "batches between two progress lines of a validation; null = min(20, batches)");
  v.field("sample_ids", o.sample_ids, any_value(), "write sample_ids/rank-K.jsonl: the ids that each rank trained on in each step");
}

void validate(const LoggerOptions& options);

// Steps between two records. Beside these, steps 1, 2, 5, 10, 20, 50 and the last one are always recorded: is_recorded().
int log_interval(const LoggerOptions& options, std::int64_t total_steps);
int validation_interval(const LoggerOptions& options, std::int64_t total_steps);
int validation_log_interval(const LoggerOptions& options, std::int64_t batches);

// `step` counts finished steps: the first one is 1, the last one `total_steps`.
bool is_recorded(std::int64_t step, int interval, std::int64_t total_steps);

}  // namespace muster::report
