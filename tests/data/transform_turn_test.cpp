#include "data/transform_turn.hpp"

#include <algorithm>

#include <gtest/gtest.h>

#include "image/orientation.hpp"

namespace muster::data {
namespace {

image::Image numbered(int height, int width) {
  image::Image image(height, width);
  for (std::size_t i = 0; i < image.pixels.size(); ++i) {
    image.pixels[i] = static_cast<std::uint8_t>(i * 37 % 251);
  }
  return image;
}

image::LabelMap numbered_labels(int height, int width) {
  image::LabelMap labels(height, width);
  for (std::size_t i = 0; i < labels.values.size(); ++i) {
    labels.values[i] = static_cast<std::uint16_t>(i);
  }
  return labels;
}

TEST(Turn, FlipsInPlaceAsOrientationsDo) {
  for (const auto& [height, width] : {std::pair(5, 7), std::pair(4, 8), std::pair(1, 1), std::pair(1, 6)}) {
    for (const bool horizontal : {false, true}) {
      for (const bool vertical : {false, true}) {
        TransformPlan plan;
        plan.flip_horizontal = horizontal;
        plan.flip_vertical = vertical;
        const int exif = horizontal ? (vertical ? 3 : 2) : vertical ? 4 : 1;
        image::Image image = numbered(height, width);
        turn_image(image, plan, 0);
        EXPECT_EQ(image, image::apply_orientation(numbered(height, width), exif));
        image::LabelMap labels = numbered_labels(height, width);
        turn_labels(labels, plan, 0);
        EXPECT_EQ(labels, image::apply_orientation(numbered_labels(height, width), exif));
      }
    }
  }
}

TEST(Turn, TurnsByQuartersClockwiseAfterTheFlips) {
  TransformPlan plan;
  plan.flip_horizontal = true;
  plan.quarter_turns = 1;
  image::LabelMap labels = numbered_labels(2, 2);  // 0 1 / 2 3, flipped 1 0 / 3 2
  turn_labels(labels, plan, 0);
  EXPECT_EQ(labels.values, (std::vector<std::uint16_t>{3, 1, 2, 0}));
}

TEST(Turn, RotatesCounterClockwiseAroundTheCentre) {
  TransformPlan plan;
  plan.rotation = 90;
  image::Image image = numbered(9, 9);
  turn_image(image, plan, 0);
  EXPECT_EQ(image, image::apply_orientation(numbered(9, 9), 8));
  image::LabelMap labels = numbered_labels(8, 8);
  turn_labels(labels, plan, 0);
  EXPECT_EQ(labels, image::apply_orientation(numbered_labels(8, 8), 8));
}

TEST(Turn, FillsWhatARotationBringsIn) {
  TransformPlan plan;
  plan.rotation = 45;
  image::Image image(21, 21);
  std::fill(image.pixels.begin(), image.pixels.end(), std::uint8_t{200});
  turn_image(image, plan, 10);
  image::LabelMap labels(21, 21, 3);
  turn_labels(labels, plan, 77);
  // The corners lie 10 sqrt(2) pixels from the centre, the picture reaches 10.
  for (const int corner : {0, 20, 20 * 21, 20 * 21 + 20}) {
    EXPECT_EQ(image.pixels[static_cast<std::size_t>(3 * corner)], 10);
    EXPECT_EQ(labels.values[static_cast<std::size_t>(corner)], 77);
  }
  EXPECT_EQ(image.row(10)[30], 200);
  EXPECT_EQ(labels.row(10)[10], 3);
  // A square turned by 45 degrees overlaps with itself in an octagon of 2 (sqrt(2) - 1) = 0.828 of its area.
  EXPECT_NEAR(static_cast<double>(std::count(labels.values.begin(), labels.values.end(), 3)) / (21 * 21), 0.828, 0.03);
}

}  // namespace
}  // namespace muster::data
