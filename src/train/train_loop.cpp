#include "train/train_loop.hpp"

#include <algorithm>
#include <chrono>
#include <cstring>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "core/error.hpp"
#include "train/data_figures.hpp"
#include "train/eval_report.hpp"

namespace muster::train {
namespace {

using Clock = std::chrono::steady_clock;

// What is the same on all ranks is said by rank 0.
template <class... Args>
void say(const LoopParts& parts, spdlog::level::level_enum level, fmt::format_string<Args...> text, Args&&... args) {
  if (parts.reducer.rank() == 0) {
    spdlog::log(level, "{}", fmt::format(text, std::forward<Args>(args)...));
  }
}

// While a checkpoint is written, ranks may keep each other waiting longer.
class CheckpointPhase {
 public:
  explicit CheckpointPhase(dist::Watchdog& watchdog) : watchdog_(watchdog) { watchdog_.phase(dist::Phase::kCheckpoint); }
  ~CheckpointPhase() { watchdog_.phase(dist::Phase::kStep); }
  CheckpointPhase(const CheckpointPhase&) = delete;
  CheckpointPhase& operator=(const CheckpointPhase&) = delete;

 private:
  dist::Watchdog& watchdog_;
};

report::Record step_record(const StepResult& result, const LoopParts& parts, double seconds, DataFigures& data_figures) {
  report::Record record{.step = parts.state.progress.step, .epoch = parts.loader.epoch(), .values = {{"loss", result.loss}}};
  record.values.insert(record.values.end(), result.terms.begin(), result.terms.end());
  record.values.emplace_back("lr", result.optimizer.lr_heads);
  record.values.emplace_back("lr_backbone", result.optimizer.lr_backbone);
  record.values.emplace_back("grad_norm", result.optimizer.grad_norm);
  record.values.emplace_back("images_per_s", result.samples / seconds);
  data_figures.add_step(seconds, record);
  if (parts.reducer.world() > 1) {
    record.values.emplace_back("slowest_rank", result.slowest_rank);  // of the step before, as the header of this one says
    record.values.emplace_back("slowest_step_s", result.slowest_s);
  }
  return record;
}

double watched_score(const TrainOptions& options, const task::Scores& scores) {
  const std::string name = options.metric_args.watch_metric.substr(std::string("val_metric/").size());
  const auto found = std::ranges::find(scores, name, &task::Scores::value_type::first);
  if (found == scores.end()) {
    std::string names;
    for (const auto& score : scores) {
      names += " val_metric/" + score.first;
    }
    throw ConfigError("metric_args.watch_metric={} is not a score of this task; it has{}", options.metric_args.watch_metric, names);
  }
  return found->second;
}

void validate_and_keep_best(const TrainOptions& options, const LoopParts& parts) {
  const EvaluationResult result = evaluate(parts.task, parts.runner, parts.validation, parts.reducer, [&](std::int64_t done, std::int64_t total) {
    if (parts.reporter != nullptr) {
      parts.reporter->progress("val", done, total);
    }
  });
  Progress& progress = parts.state.progress;
  report::Record record{.step = progress.step, .epoch = parts.loader.epoch(), .values = {}};
  for (const auto& [name, value] : result.scores) {
    if (options.metric_args.classwise || name.find('/') == std::string::npos) {
      record.values.emplace_back("val_metric/" + name, value);
    }
  }
  record.values.emplace_back("val_images_per_s", static_cast<double>(result.images) / result.seconds);
  if (parts.reporter != nullptr) {
    parts.reporter->validation(record);
  }
  progress.validated_step = progress.step;
  const double score = watched_score(options, result.scores);
  progress.last_score = score;
  const bool is_best = !progress.best || score > progress.best->value;
  say(parts, spdlog::level::info, "step {}: {} {:.4f}{}", progress.step, options.metric_args.watch_metric, score,
               is_best ? ", the best so far" : fmt::format(" (best {:.4f} at step {})", progress.best->value, progress.best->step));
  if (is_best) {
    progress.best = Best{.value = score, .step = progress.step};
    if (parts.reducer.rank() == 0) {
      write_eval_json(parts.folder.eval_json(), result, parts.validation.split(), options.model, progress.step);
    }
    const CheckpointPhase phase(parts.watchdog);
    parts.checkpointing.save_best();
  }
}

}  // namespace

LoopEnd run_loop(const TrainOptions& options, const LoopParts& parts) {
  const int validate_every = report::validation_interval(options.logger_args, options.steps);
  Progress& progress = parts.state.progress;
  DataFigures data_figures(parts.loader, parts.transform);
  const auto finish_step = [&] {
    const bool last = progress.step == options.steps;
    parts.watchdog.phase(dist::Phase::kStep);
    if ((last || progress.step % validate_every == 0) && progress.validated_step != progress.step) {
      validate_and_keep_best(options, parts);
    }
    if (last || parts.checkpointing.is_due(progress.step)) {
      const CheckpointPhase phase(parts.watchdog);
      last ? parts.checkpointing.save_finally() : parts.checkpointing.save_periodically();
    }
  };

  if (progress.step > 0) {
    finish_step();  // a run that was stopped saved before it validated
    parts.watchdog.phase(dist::Phase::kFirstStep);
  }
  while (progress.step < options.steps) {
    const auto start = Clock::now();
    const std::vector<data::Batch> batches = parts.loader.next();
    const StepResult result = parts.step.run(batches);
    parts.state.sampler.position = parts.loader.position();
    const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
    if (parts.reporter != nullptr) {
      parts.reporter->step(step_record(result, parts, seconds, data_figures));
    } else {
      data_figures.add_step(seconds);
    }
    if (parts.samples) {
      parts.samples->write(progress.step, batches);
    }
    if (!result.optimizer.applied) {
      say(parts, spdlog::level::warn, "step {}: the gradient is not finite, no weight was changed", progress.step);
    }
    if (result.stop_signal != 0 && progress.step < options.steps) {
      say(parts, spdlog::level::info, "asked to stop (signal {}): saving after step {}; the same command goes on from there",
          ::strsignal(result.stop_signal), progress.step);
      const CheckpointPhase phase(parts.watchdog);
      parts.checkpointing.save_finally();
      data_figures.say_total(parts.reducer);
      return LoopEnd::kStopped;
    }
    finish_step();
  }
  data_figures.say_total(parts.reducer);
  return LoopEnd::kFinished;
}

}  // namespace muster::train
