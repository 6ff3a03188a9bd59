#include "task/window_prediction.hpp"

#include <cmath>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/random.hpp"
#include "image/resize.hpp"

namespace muster::task {
namespace {

image::Image noise_image(int height, int width) {
  image::Image image(height, width);
  const RandomSequence random(8, RandomStream::kInit, 0, 0, 0);
  for (std::size_t i = 0; i < image.pixels.size(); ++i) {
    image.pixels[i] = static_cast<std::uint8_t>(random.bits(i));
  }
  return image;
}

WindowSettings settings(int side, int batch = 2) {
  return {.height = side, .width = side, .max_tiles = 64, .batch = batch, .mean = {0.5, 0.25, 0.125}, .std = {0.5, 0.2, 0.1}};
}

// Two classes, whose scores are the normalised red and green of each pixel.
at::Tensor red_and_green(const at::Tensor& windows_BCHW) {
  return windows_BCHW.slice(1, 0, 2).clone();
}

// The same of the image resized to height x width, one pixel after the other.
at::Tensor expected_red_and_green(const image::Image& image, int height, int width, const WindowSettings& s) {
  const image::Image resized = image::resize_bilinear(image, height, width);
  at::Tensor result = at::empty({2, height, width});
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      for (int c = 0; c < 2; ++c) {
        const auto i = static_cast<std::size_t>(c);
        result[c][y][x] = (resized.row(y)[3 * x + c] / 255.0 - s.mean[i]) / s.std[i];
      }
    }
  }
  return result;
}

TEST(WindowScores, OfAPixelWiseModelAreItsScoresOfTheResizedImage) {
  struct Shape {
    int height, width, model_height, model_width;
  };
  for (const Shape& shape : {Shape{12, 12, 8, 8}, Shape{8, 21, 8, 21}, Shape{30, 11, 22, 8}}) {
    const image::Image image = noise_image(shape.height, shape.width);
    const at::Tensor scores = window_scores(image, settings(8), red_and_green);
    ASSERT_EQ(scores.sizes(), (at::IntArrayRef{2, shape.model_height, shape.model_width}));
    const at::Tensor expected = expected_red_and_green(image, shape.model_height, shape.model_width, settings(8));
    EXPECT_LT((scores - expected).abs().max().item<float>(), 1e-5) << shape.height << " x " << shape.width;
  }
}

TEST(WindowScores, AreAveragedWhereWindowsOverlap) {
  // 8 x 20 by windows of 8: three of them, at 0, 6 and 12. Each gives its own number as the score of the only class.
  for (const auto& [batch, shape] : {std::pair(1, 1), std::pair(2, 2), std::pair(3, 3), std::pair(5, 3)}) {
    float number = 0;
    const int expected_shape = shape;
    const at::Tensor scores = window_scores(noise_image(8, 20), settings(8, batch), [&](const at::Tensor& windows) {
      EXPECT_EQ(windows.sizes(), (at::IntArrayRef{expected_shape, 3, 8, 8}));
      at::Tensor result = at::empty({expected_shape, 1, 8, 8});
      for (int i = 0; i < expected_shape; ++i) {
        result[i].fill_(++number);
      }
      return result;
    });
    const std::vector<float> expected{1, 1, 1, 1, 1, 1, 1.5, 1.5, 2, 2, 2, 2, 2.5, 2.5, 3, 3, 3, 3, 3, 3};
    for (int y = 0; y < 8; ++y) {
      EXPECT_TRUE(at::equal(scores[0][y], at::tensor(expected))) << "batch " << batch;
    }
  }
}

TEST(WindowScores, FitAndPadAnImageThatWouldNeedTooManyWindows) {
  WindowSettings s = settings(8, 1);
  s.max_tiles = 4;
  const image::Image image = noise_image(8, 64);  // 8 windows
  int calls = 0;
  const at::Tensor scores = window_scores(image, s, [&](const at::Tensor& windows) {
    ++calls;
    // One row of pixels, below it black, which normalisation makes (0 - mean) / std.
    EXPECT_TRUE(at::allclose(windows[0][1].slice(0, 1), at::full({7, 8}, -0.25 / 0.2)));
    return red_and_green(windows);
  });
  EXPECT_EQ(calls, 1);
  EXPECT_LT((scores - expected_red_and_green(image, 1, 8, s)).abs().max().item<float>(), 1e-5);
}

TEST(BestClasses, AreThoseOfTorchsBilinearResize) {
  const RandomSequence random(8, RandomStream::kInit, 1, 0, 0);
  at::Tensor scores = at::empty({4, 9, 13});
  for (std::int64_t i = 0; i < scores.numel(); ++i) {
    scores.data_ptr<float>()[i] = static_cast<float>(random.uniform(static_cast<std::uint64_t>(i)));
  }
  struct Size {
    int height, width;
  };
  for (const Size& size : {Size{9, 13}, Size{31, 40}, Size{5, 6}, Size{1, 1}, Size{20, 7}}) {
    const at::Tensor resized = at::upsample_bilinear2d(scores.to(at::kDouble).unsqueeze(0), {size.height, size.width}, false)[0];
    const at::Tensor highest = std::get<0>(resized.max(0));
    const image::LabelMap labels = best_classes(scores, size.height, size.width);
    ASSERT_EQ(labels.values.size(), static_cast<std::size_t>(size.height * size.width));
    for (int y = 0; y < size.height; ++y) {
      for (int x = 0; x < size.width; ++x) {
        EXPECT_NEAR(resized[labels.row(y)[x]][y][x].item<double>(), highest[y][x].item<double>(), 1e-6) << y << " " << x;
      }
    }
  }
}

TEST(BestClasses, TakeTheFirstOfEqualScores) {
  EXPECT_EQ(best_classes(at::ones({3, 2, 2}), 4, 4).values, std::vector<std::uint16_t>(16, 0));
}

}  // namespace
}  // namespace muster::task
