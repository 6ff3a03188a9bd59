#include "train/step_header.hpp"

namespace muster::train {

StepHeader exchange(const StepPost& post, Reducer& reducer) {
  std::vector<double> sums = post.denominators;
  sums.push_back(post.samples);
  reducer.sum(sums);
  double stop = post.stop_signal;
  reducer.max({&stop, 1});
  StepHeader header{.denominators = {sums.begin(), sums.end() - 1}, .samples = sums.back(), .stop_signal = static_cast<int>(stop)};
  return header;
}

}  // namespace muster::train
