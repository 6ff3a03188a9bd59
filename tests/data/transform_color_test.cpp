#include "data/transform_color.hpp"

#include <algorithm>
#include <array>
#include <set>

#include <gmock/gmock.h>

#include "core/random.hpp"

namespace muster::data {
namespace {

using testing::ElementsAreArray;
using Bytes = std::vector<std::uint8_t>;
using enum ColorChange;

image::Image eight_pixels() {
  image::Image image(2, 4);
  image.pixels = {200, 30, 60, 10, 240, 100, 90, 90, 90, 0, 0, 0, 255, 255, 255, 20, 60, 220, 255, 128, 0, 130, 131, 129};
  return image;
}

Bytes changed(ColorPlan plan) {
  plan.active = true;
  image::Image image = eight_pixels();
  jitter_color(image, plan);
  return image.pixels;
}

// Expected values: Python's colorsys and the formulas of torchvision, in double.
TEST(ColorJitter, FollowsTheFormulas) {
  EXPECT_THAT(changed({.brightness = 1.12}), ElementsAreArray(Bytes{224, 34,  67,  11, 255, 112, 101, 101, 101, 0,   0,   0,
                                                                    255, 255, 255, 22, 67,  246, 255, 143, 0,   146, 147, 144}));
  EXPECT_THAT(changed({.contrast = 0.6}), ElementsAreArray(Bytes{167, 65,  83,  53, 191, 107, 101, 101, 101, 47,  47,  47,
                                                                 200, 200, 200, 59, 83,  179, 200, 123, 47,  125, 125, 124}));
  EXPECT_THAT(changed({.saturation = 1.4}),
              ElementsAreArray(Bytes{246, 8, 50, 0, 255, 78, 90, 90, 90, 0, 0, 0, 255, 255, 255, 1, 57, 255, 255, 119, 0, 130, 131, 128}));
  EXPECT_THAT(changed({.hue = 0.05}), ElementsAreArray(Bytes{200, 51,  30,  10, 240, 169, 90,  90,  90, 0,   0,   0,
                                                             255, 255, 255, 40, 20,  220, 255, 205, 0,  129, 131, 129}));
  EXPECT_THAT(changed({.hue = -0.3}), ElementsAreArray(Bytes{34,  30,  200, 240, 146, 10, 90,  90, 90,  0,   0,   0,
                                                             255, 255, 255, 20,  220, 20, 179, 0,  255, 131, 129, 130}));
  EXPECT_THAT(
      changed({.brightness = 0.9, .contrast = 1.3, .saturation = 0.7, .hue = -0.04, .order = {kSaturation, kHue, kContrast, kBrightness}}),
      ElementsAreArray(Bytes{162, 23, 81, 31, 220, 60, 74, 74, 74, 0, 0, 0, 230, 230, 230, 8, 80, 172, 230, 77, 22, 121, 122, 120}));
}

TEST(ColorJitter, ChangesNothingWithNeutralFactorsOrWhenNotActive) {
  EXPECT_EQ(changed({}), eight_pixels().pixels);
  image::Image image = eight_pixels();
  jitter_color(image, {.active = false, .brightness = 0});
  EXPECT_EQ(image, eight_pixels());
}

TEST(ColorJitter, DrawsWithinTheRangesInEveryOrder) {
  const ColorJitterOptions options = {.prob = 0.5, .strength = 2, .brightness = 0.1, .contrast = 0.6, .saturation = 0.2, .hue = 0.1};
  std::set<std::array<ColorChange, 4>> orders;
  int active = 0;
  double lowest = 1, highest = 1;
  for (std::uint32_t id = 0; id < 2000; ++id) {
    const ColorPlan plan = draw_color(options, {.seed = 5, .sample_id = id});
    active += plan.active;
    orders.insert(plan.order);
    EXPECT_NEAR(plan.brightness, 1, 0.2);
    EXPECT_GE(plan.contrast, 0);  // 1 - 2 * 0.6 is below 0
    EXPECT_NEAR(plan.saturation, 1, 0.4);
    EXPECT_NEAR(plan.hue, 0, 0.2);
    lowest = std::min(lowest, plan.brightness);
    highest = std::max(highest, plan.brightness);
  }
  EXPECT_NEAR(active, 1000, 112);  // five standard deviations
  EXPECT_EQ(orders.size(), 24U);
  EXPECT_LT(lowest, 0.81);
  EXPECT_GT(highest, 1.19);
}

// Against an own computation from the random numbers: tosses at 8 to 11, contrast's place at 12, each change alone by its formula.
TEST(ColorJitter, TossesForEachChangeInEomtsOrder) {
  const ColorJitterOptions options = {
      .prob = 0.5, .strength = 1, .brightness = 0.2, .contrast = 0.5, .saturation = 0.5, .hue = 0.1, .per_operation = true};
  std::array<int, 4> made{};
  int contrast_first = 0;
  for (std::uint32_t id = 0; id < 2000; ++id) {
    const RandomSequence random(5, RandomStream::kAugment, 5 * 32 + 3, id, 7);
    ColorPlan wanted;
    const std::array ranges = {0.2, 0.5, 0.5, 0.1};
    const std::array values = {&wanted.brightness, &wanted.contrast, &wanted.saturation, &wanted.hue};
    for (std::size_t i = 0; i < 4; ++i) {
      if (random.uniform(8 + i) < 0.5) {
        *values[i] += (2 * random.uniform(1 + i) - 1) * ranges[i];
        ++made[i];
      }
    }
    const bool first = random.uniform(12) < 0.5;
    contrast_first += first;
    const ColorPlan plan = draw_color(options, {.seed = 5, .epoch = 7, .sample_id = id, .attempt = 3});
    EXPECT_NEAR(plan.brightness, wanted.brightness, 1e-12);
    EXPECT_NEAR(plan.contrast, wanted.contrast, 1e-12);
    EXPECT_NEAR(plan.saturation, wanted.saturation, 1e-12);
    EXPECT_NEAR(plan.hue, wanted.hue, 1e-12);
    const std::array order = first ? std::array{kBrightness, kContrast, kSaturation, kHue} : std::array{kBrightness, kSaturation, kHue, kContrast};
    EXPECT_THAT(plan.order, ElementsAreArray(order));
    image::Image image = eight_pixels();
    jitter_color(image, plan);
    EXPECT_EQ(image.pixels == eight_pixels().pixels, changed(plan) == eight_pixels().pixels);  // active whenever it changes something
  }
  for (const int count : made) {
    EXPECT_NEAR(count, 1000, 112);  // five standard deviations
  }
  EXPECT_NEAR(contrast_first, 1000, 112);
}

}  // namespace
}  // namespace muster::data
