#include "report/reporter.hpp"

#include <utility>

#include <spdlog/spdlog.h>

#include "core/error.hpp"
#include "report/event_file.hpp"
#include "report/log.hpp"
#include "report/metrics_file.hpp"
#include "report/step_line.hpp"
#include "report/terminal.hpp"

namespace muster::report {

Reporter::Reporter(const LoggerOptions& options, Settings settings)
    : options_(options), settings_(std::move(settings)), interval_(log_interval(options, settings_.total_steps)) {
  const std::filesystem::path metrics = settings_.folder / "metrics.jsonl";
  truncate_metrics_after(metrics, settings_.resumed_after);
  targets_.push_back({.name = "metrics.jsonl", .sink = std::make_unique<MetricsFile>(metrics)});
  if (options_.tensorboard.value_or(false)) {
    targets_.push_back(
        {.name = "TensorBoard's event file", .sink = std::make_unique<EventFile>(settings_.folder, settings_.resumed_after)});
  }
}

Reporter::~Reporter() {
  terminal().finish();
}

void Reporter::step(const Record& record) {
  const bool recorded = is_recorded(record.step, interval_, settings_.total_steps);
  if (!recorded && !terminal().is_interactive()) {
    return;
  }
  const std::string line = step_line(record, settings_.total_steps);
  if (terminal().is_interactive()) {
    terminal().show(line);
  } else {
    terminal().print(line);
  }
  if (recorded) {
    log_to_file(line);
    write_to_files(record);
  }
}

void Reporter::validation(const Record& record) {
  spdlog::info(validation_line(record));
  write_to_files(record);
}

void Reporter::progress(std::string_view what, std::int64_t done, std::int64_t total) {
  const std::string line = fmt::format("{} {}/{}", what, done, total);
  if (terminal().is_interactive()) {
    terminal().show(line);
  } else if (done % validation_log_interval(options_, total) == 0 || done == total) {
    terminal().print(line);
  }
}

void Reporter::write_to_files(const Record& record) {
  for (Target& target : targets_) {
    try {
      target.sink->write(record);
      if (target.lost > 0) {
        spdlog::warn("{} can be written again; {} records are missing in it", target.name, std::exchange(target.lost, 0));
      }
    } catch (const OutputError& error) {
      if (target.lost++ == 0) {
        spdlog::warn("{}: {}; training goes on without these numbers", target.name, error.what());
      }
    }
  }
}

}  // namespace muster::report
