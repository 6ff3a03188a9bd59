#include "task/window_batcher.hpp"

#include <iterator>
#include <utility>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/random.hpp"

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

WindowSettings batched(int batch) {
  return {.height = 8, .width = 8, .max_tiles = 64, .batch = batch, .mean = {0.5, 0.25, 0.125}, .std = {0.5, 0.2, 0.1}};
}

const std::vector<std::pair<int, int>> kSizes{{8, 8}, {8, 30}, {31, 9}, {12, 12}, {8, 21}, {5, 5}, {40, 8}};

TEST(WindowBatcher, GivesEveryImageTheLabelsThatItGetsAlone) {
  for (const int batch : {1, 2, 3, 4, 7, 40}) {
    int forwards = 0;
    std::size_t windows = 0;
    WindowBatcher batcher(batched(batch), [&](const at::Tensor& windows_BCHW) {
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
      EXPECT_EQ(all[i].labels, best_classes(window_scores(image, batched(1), pixel_scores), height, width))
          << "batch " << batch << " image " << i;
      windows += WindowedImage(image, batched(1)).count();
    }
    EXPECT_EQ(forwards, static_cast<int>((windows + static_cast<std::size_t>(batch) - 1) / static_cast<std::size_t>(batch)))
        << "full but for the last";
  }
}

}  // namespace
}  // namespace muster::task
