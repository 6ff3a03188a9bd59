// EoMT over a published architecture, with random weights.
#pragma once

#include <cstdint>
#include <memory>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "core/random.hpp"
#include "model/eomt.hpp"
#include "model/initialisation.hpp"
#include "model/model.hpp"
#include "model/parameters.hpp"
#include "model/plain_runner.hpp"
#include "task/semantic_segmentation.hpp"

namespace muster::task::testing_support {

// A network of a real width, so that the matrix kernels are those of real runs.
struct RealTask {
  explicit RealTask(int queries) {
    model::EomtOptions options;
    options.num_queries = queries;
    network = model::make_model("dinov3/vitt16-notpretrained-eomt", options, 5);
    store = std::make_unique<model::ParameterStore>(network->units(), at::TensorOptions().dtype(at::kFloat));
    model::initialise(*store, network->units(), 1);
    runner = std::make_unique<model::PlainRunner>(*store);
  }
  at::Tensor scores(const at::Tensor& windows_BCHW) const {
    const at::NoGradGuard no_gradients;
    const auto& eomt = dynamic_cast<const model::EomtModel&>(*network);
    const model::EomtOutput output = eomt.forward(*runner, windows_BCHW, model::PassKey{}, model::MaskPlan{});
    return semantic_scores(output.predictions.back(), static_cast<int>(windows_BCHW.size(2)), static_cast<int>(windows_BCHW.size(3)));
  }

  std::unique_ptr<model::Model> network;
  std::unique_ptr<model::ParameterStore> store;
  std::unique_ptr<model::PlainRunner> runner;
};

inline at::Tensor random_windows(std::int64_t count, std::int64_t side) {
  at::Tensor windows = at::empty({count, 3, side, side});
  const RandomSequence random(9, RandomStream::kInit, 0, 0, 0);
  for (std::int64_t i = 0; i < windows.numel(); ++i) {
    windows.data_ptr<float>()[i] = static_cast<float>(random.uniform(static_cast<std::uint64_t>(i))) * 4 - 2;
  }
  return windows;
}

}  // namespace muster::task::testing_support
