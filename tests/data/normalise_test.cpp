#include "data/normalise.hpp"

#include <cmath>
#include <random>

#include <gtest/gtest.h>

#include "core/error.hpp"

namespace muster::data {
namespace {

image::Image noise(int height, int width) {
  image::Image image(height, width);
  std::mt19937 random(7);
  for (std::uint8_t& value : image.pixels) {
    value = static_cast<std::uint8_t>(random());
  }
  return image;
}

// Every number of pixels modulo the eight that are done at once, with values for which the vectors' formula holds and some for which
// it does not (51 / 255 - 0.2 is 0 only as it stands).
TEST(Normaliser, GivesTheRoundedQuotientOfDoublesToTheLastBit) {
  const std::vector<std::vector<double>> settings = {
      {0.485, 0.456, 0.406}, {0.229, 0.224, 0.225}, {0.2, 0.4, 0.6}, {1, 1, 1}, {0.5}, {0.25}};
  for (std::size_t s = 0; s < settings.size(); s += 2) {
    const std::vector<double>& mean = settings[s];
    const std::vector<double>& std = settings[s + 1];
    const Normaliser normalise(mean, std);
    for (int width = 1; width <= 40; ++width) {
      const image::Image image = noise(3, width);
      const std::size_t plane = static_cast<std::size_t>(3 * width);
      std::vector<float> out(3 * plane + 1, 42.0F);
      normalise(image, out.data());
      for (std::size_t i = 0; i < plane; ++i) {
        for (std::size_t c = 0; c < 3; ++c) {
          const double value = image.pixels[3 * i + c];
          ASSERT_EQ(out[c * plane + i], static_cast<float>((value / 255.0 - mean[c % mean.size()]) / std[c % std.size()]));
        }
      }
      ASSERT_EQ(out.back(), 42.0F);
    }
  }
}

TEST(Normaliser, WantsAStdForEachMean) {
  EXPECT_THROW((void)Normaliser(std::vector<double>{0.5, 0.5}, std::vector<double>{1}), InvariantError);
  EXPECT_THROW((void)Normaliser(std::vector<double>{}, std::vector<double>{}), InvariantError);
}

}  // namespace
}  // namespace muster::data
