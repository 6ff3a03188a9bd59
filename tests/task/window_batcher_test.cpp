#include "task/window_batcher.hpp"

#include <iterator>
#include <memory>
#include <utility>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include "core/random.hpp"
#include "model/eomt.hpp"
#include "model/initialisation.hpp"
#include "model/model.hpp"
#include "model/parameters.hpp"
#include "model/plain_runner.hpp"
#include "task/semantic_segmentation.hpp"

namespace muster::task {
namespace {

image::Image random_image(std::uint32_t number, int height, int width) {
  image::Image image(height, width);
  const RandomSequence random(8, RandomStream::kInit, number, 0, 0);
  for (std::size_t i = 0; i < image.pixels.size(); ++i) {
    image.pixels[i] = static_cast<std::uint8_t>(random.bits(i / 30) / (1 + random.bits(i) % 2));
  }
  return image;
}

// The scores of each pixel are a function of that pixel and of where it stands in its window.
at::Tensor pixel_scores(const at::Tensor& windows_BCHW) {
  const at::Tensor place_HW = at::arange(windows_BCHW.size(2) * windows_BCHW.size(3)).view({windows_BCHW.size(2), windows_BCHW.size(3)});
  return (windows_BCHW * 3.7f + place_HW * 0.01f).sin();
}

WindowSettings settings(int batch) {
  return {.height = 8, .width = 8, .max_tiles = 64, .batch = batch, .mean = {0.5, 0.25, 0.125}, .std = {0.5, 0.2, 0.1}};
}

const std::vector<std::pair<int, int>> kSizes{{8, 8}, {8, 30}, {31, 9}, {12, 12}, {8, 21}, {5, 5}, {40, 8}};

TEST(WindowBatcher, GivesEveryImageTheLabelsThatItGetsAlone) {
  for (const int batch : {1, 2, 3, 4, 7, 40}) {
    int forwards = 0;
    std::size_t windows = 0;
    WindowBatcher batcher(settings(batch), [&](const at::Tensor& windows_BCHW) {
      EXPECT_EQ(windows_BCHW.sizes(), (at::IntArrayRef{batch, 3, 8, 8}));
      ++forwards;
      return pixel_scores(windows_BCHW);
    });
    std::vector<WindowBatcher::Labelled> all;
    const auto keep = [&](std::vector<WindowBatcher::Labelled> complete) {
      std::move(complete.begin(), complete.end(), std::back_inserter(all));
    };
    for (std::size_t i = 0; i < kSizes.size(); ++i) {
      keep(batcher.push(10 + i, random_image(static_cast<std::uint32_t>(i), kSizes[i].first, kSizes[i].second)));
    }
    keep(batcher.flush());
    EXPECT_TRUE(batcher.flush().empty());
    ASSERT_EQ(all.size(), kSizes.size());
    for (std::size_t i = 0; i < kSizes.size(); ++i) {
      const auto [height, width] = kSizes[i];
      const image::Image image = random_image(static_cast<std::uint32_t>(i), height, width);
      EXPECT_EQ(all[i].ticket, 10 + i);
      EXPECT_EQ(all[i].labels, best_classes(window_scores(image, settings(1), pixel_scores), height, width))
          << "batch " << batch << " image " << i;
      windows += WindowedImage(image, settings(1)).count();
    }
    EXPECT_EQ(forwards, static_cast<int>((windows + static_cast<std::size_t>(batch) - 1) / static_cast<std::size_t>(batch)))
        << "full but for the last";
  }
}

// A network of a real width, so that the matrix kernels are those of real runs.
struct RealTask {
  RealTask() {
    model::EomtOptions options;
    options.num_queries = 100;
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

at::Tensor random_windows(std::int64_t count, std::int64_t side) {
  at::Tensor windows = at::empty({count, 3, side, side});
  const RandomSequence random(9, RandomStream::kInit, 0, 0, 0);
  for (std::int64_t i = 0; i < windows.numel(); ++i) {
    windows.data_ptr<float>()[i] = static_cast<float>(random.uniform(static_cast<std::uint64_t>(i))) * 4 - 2;
  }
  return windows;
}

// What sharing forwards between images rests on: with equal shapes, the bits of a row are its own.
TEST(WindowBatcher, RestsOnScoresThatDependNeitherOnTheRowNorOnTheOthers) {
  const RealTask task;
  for (const std::int64_t side : {64, 112}) {
    for (const std::int64_t batch : {2, 4, 5}) {
      const at::Tensor windows = random_windows(batch, side);
      const at::Tensor scores = task.scores(windows);
      for (std::int64_t shift = 1; shift < batch; ++shift) {
        EXPECT_TRUE(at::equal(task.scores(windows.roll({shift}, {0})).roll({-shift}, {0}), scores))
            << "side " << side << " batch " << batch << " shift " << shift;
      }
      for (std::int64_t row = 0; row < batch; ++row) {
        at::Tensor alone = at::zeros_like(windows);
        alone[row] = windows[row];
        EXPECT_TRUE(at::equal(task.scores(alone)[row], scores[row])) << "side " << side << " batch " << batch << " row " << row;
      }
    }
  }
}

// Ranks of one launch share the processors, so a labelling by two ranks has other thread counts than one by a single rank.
TEST(WindowBatcher, RestsOnScoresThatDoNotDependOnTheNumberOfThreads) {
  const RealTask task;
  const int threads_before = at::get_num_threads();
  for (const std::int64_t batch : {1, 4}) {
    const at::Tensor windows = random_windows(batch, 112);
    at::set_num_threads(1);
    const at::Tensor scores = task.scores(windows);
    for (const int threads : {2, 3}) {
      at::set_num_threads(threads);
      EXPECT_TRUE(at::equal(task.scores(windows), scores)) << "batch " << batch << ", " << threads << " threads";
    }
  }
  at::set_num_threads(threads_before);
}

}  // namespace
}  // namespace muster::task
