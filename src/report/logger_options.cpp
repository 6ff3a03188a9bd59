#include "report/logger_options.hpp"

#include <algorithm>

#include "core/error.hpp"

namespace muster::report {
namespace {

int clamp_interval(std::int64_t wanted, std::int64_t most) {
  return static_cast<int>(std::clamp<std::int64_t>(wanted, 1, most));
}

}  // namespace

void validate(const LoggerOptions& options) {
  const auto positive = [](const std::optional<int>& value, const char* key) {
    if (value && *value < 1) {
      throw ConfigError("logger_args.{}={}: must be at least 1, or null for the default", key, *value);
    }
  };
  positive(options.log_every_num_steps, "log_every_num_steps");
  positive(options.val_every_num_steps, "val_every_num_steps");
  positive(options.val_log_every_num_steps, "val_log_every_num_steps");
}

int log_interval(const LoggerOptions& options, std::int64_t total_steps) {
  return options.log_every_num_steps.value_or(clamp_interval(total_steps / 10, 100));
}

int validation_interval(const LoggerOptions& options, std::int64_t total_steps) {
  return options.val_every_num_steps.value_or(clamp_interval(total_steps, 1000));
}

int validation_log_interval(const LoggerOptions& options, std::int64_t batches) {
  return options.val_log_every_num_steps.value_or(clamp_interval(batches, 20));
}

bool is_recorded(std::int64_t step, int interval, std::int64_t total_steps) {
  constexpr std::int64_t kAlways[] = {1, 2, 5, 10, 20, 50};
  return step % interval == 0 || step == total_steps || std::ranges::find(kAlways, step) != std::end(kAlways);
}

}  // namespace muster::report
