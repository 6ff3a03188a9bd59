#include "train/train_step.hpp"

#include "core/stop_flags.hpp"
#include "train/step_header.hpp"

namespace muster::train {
namespace {

void add(std::vector<double>& sums, const std::vector<double>& values) {
  sums.resize(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    sums[i] += values[i];
  }
}

}  // namespace

StepResult TrainStep::run(const std::vector<data::Batch>& batches) {
  const std::int64_t step = state_.progress.step;
  StepPost post{.denominators = {}, .samples = 0, .stop_signal = requested_stop()};
  for (const data::Batch& batch : batches) {
    add(post.denominators, task_.denominators(batch));
    post.samples += static_cast<double>(batch.ids.size());
  }
  const StepHeader header = exchange(post, reducer_);

  state_.parameters.zero_grad();
  std::vector<double> terms;
  for (const data::Batch& batch : batches) {
    const model::PassKey key{.seed = seed_, .step = step, .training = true, .sample_ids = batch.ids};
    const task::Loss loss = task_.loss(batch, runner_, key, header.denominators);
    loss.total.backward();
    add(terms, loss.terms);
  }
  reducer_.sum(terms);

  StepResult result;
  result.samples = header.samples;
  result.stop_signal = header.stop_signal;
  result.optimizer = state_.optimizer.step(step, reducer_);
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
