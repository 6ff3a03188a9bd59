#include "train/train_step.hpp"

#include <chrono>

#include "core/error.hpp"
#include "core/stop_flags.hpp"
#include "dist/step_header.hpp"

namespace muster::train {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

void add(std::vector<double>& sums, const std::vector<double>& values) {
  sums.resize(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    sums[i] += values[i];
  }
}

}  // namespace

// The step header (CONTRACTS 3): everything that all ranks must know alike before the first backward.
TrainStep::Agreed TrainStep::agree(const std::vector<data::Batch>& batches) {
  std::vector<double> sums;
  double samples = 0;
  for (const data::Batch& batch : batches) {
    add(sums, task_.denominators(batch));
    samples += static_cast<double>(batch.ids.size());
  }
  sums.push_back(samples);
  const dist::HeaderPost post{
      .sums = sums, .maxima = {static_cast<double>(requested_stop()), own_seconds_}, .agree = ranks_.log_hash() ^ run_key_};
  dist::Header header = dist::post_header(ranks_, post).wait();
  if (!header.agreed) {
    throw CommError(
        "step {}: rank {} has another recipe or has made other collective calls than rank 0; start all ranks with the same command and "
        "build",
        state_.progress.step + 1, header.disagreeing_rank);
  }
  Agreed agreed;
  agreed.result.samples = header.sums.back();
  header.sums.pop_back();
  agreed.denominators = std::move(header.sums);
  agreed.result.stop_signal = static_cast<int>(header.maxima[0]);
  agreed.result.slowest_s = header.maxima[1];
  agreed.result.slowest_rank = header.max_ranks[1];
  return agreed;
}

StepResult TrainStep::run(const std::vector<data::Batch>& batches) {
  const std::int64_t step = state_.progress.step;
  auto [denominators, result] = agree(batches);

  const auto start = Clock::now();
  engine_.begin_step(static_cast<int>(batches.size()));
  std::vector<double> terms;
  for (const data::Batch& batch : batches) {
    const model::PassKey key{.seed = seed_, .step = step, .training = true, .sample_ids = batch.ids};
    const task::Loss loss = task_.loss(batch, engine_, key, denominators);
    loss.total.backward();
    engine_.end_micro_step();
    add(terms, loss.terms);
  }
  own_seconds_ = seconds_since(start);
  reducer_.sum(terms);
  engine_.end_step();

  result.optimizer = state_.optimizer.step(step, engine_.norm_reducer());
  const std::vector<std::string>& names = task_.term_names();
  for (std::size_t i = 0; i < names.size(); ++i) {
    result.terms.emplace_back(names[i], terms[i]);
    result.loss += terms[i];
  }
  task_.after_step(step + 1);
  state_.progress.step = step + 1;
  return result;
}

}  // namespace muster::train
