#include "data/transform.hpp"

#include <algorithm>
#include <cstdlib>
#include <thread>

#include <gtest/gtest.h>

#include "core/error.hpp"

namespace muster::data {
namespace {

// Pixel (y, x) says where it is and what it is: red = label, green = row, blue = column.
Sample chart(int height, int width, std::uint32_t id = 0) {
  Sample sample = {.id = id, .image = image::Image(height, width), .target = image::LabelMap(height, width)};
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      const auto label = static_cast<std::uint16_t>(10 + (x * 7 / width) + 8 * (y * 5 / height));
      sample.target.row(y)[x] = label;
      std::uint8_t* pixel = sample.image.row(y) + 3 * x;
      pixel[0] = static_cast<std::uint8_t>(label);
      pixel[1] = static_cast<std::uint8_t>(y);
      pixel[2] = static_cast<std::uint8_t>(x);
    }
  }
  return sample;
}

// Geometry alone, all of it.
TransformOptions geometry(int height, int width) {
  TransformOptions options;
  options.image_size = {height, width};
  options.scale_jitter.prob = 0;
  options.color_jitter.prob = 0;
  options.random_flip.vertical_prob = 0.5;
  options.random_rotate_90.prob = height == width ? 0.75 : 0;
  options.random_crop.fill = 123;
  return options;
}

TEST(TrainTransform, MovesEveryPixelTogetherWithItsLabel) {
  for (const auto& [height, width] : {std::pair(40, 60), std::pair(20, 90), std::pair(13, 17), std::pair(90, 100)}) {
    const TrainTransform transform(geometry(48, 48));
    for (std::uint32_t id = 0; id < 40; ++id) {
      const Sample stored = chart(height, width, id);
      const Sample out = transform(stored, 11, 2);
      ASSERT_EQ(out.image.height, 48);
      ASSERT_EQ(out.target.width, 48);
      EXPECT_EQ(out.id, id);
      int shown = 0;
      for (std::size_t i = 0; i < out.target.values.size(); ++i) {
        const std::uint8_t* pixel = out.image.pixels.data() + 3 * i;
        if (out.target.values[i] == kVoidLabel) {
          ASSERT_TRUE(pixel[0] == 123 && pixel[1] == 123 && pixel[2] == 123) << "padding at " << i;
        } else {
          ASSERT_EQ(pixel[0], out.target.values[i]);
          ASSERT_EQ(stored.target.row(pixel[1])[pixel[2]], out.target.values[i]);
          ++shown;
        }
      }
      EXPECT_EQ(shown, std::min(48, height) * std::min(48, width)) << "each stored pixel at most once, none lost but by the crop";
    }
  }
}

// Where all labels within reach of the widened kernel agree, the resized pixel has exactly their colour.
TEST(TrainTransform, ScalesImageAndLabelsAlike) {
  TransformOptions options = geometry(64, 64);
  options.scale_jitter.prob = 1;
  for (const bool keep_aspect : {true, false}) {
    options.scale_jitter.keep_aspect = keep_aspect;
    const TrainTransform transform(options);
    int compared = 0;
    for (std::uint32_t id = 0; id < 60; ++id) {
      const Sample out = transform(chart(90, 150, id), 1, 0);
      for (int y = 2; y < 62; ++y) {
        for (int x = 2; x < 62; ++x) {
          const std::uint16_t label = out.target.row(y)[x];
          bool alike = label != kVoidLabel;
          for (int dy = -2; alike && dy <= 2; ++dy) {
            alike = std::all_of(out.target.row(y + dy) + x - 2, out.target.row(y + dy) + x + 3, [label](auto v) { return v == label; });
          }
          if (alike) {
            ASSERT_EQ(out.image.row(y)[3 * x], label) << "sample " << id << " at " << y << ", " << x;
            ++compared;
          }
        }
      }
    }
    EXPECT_GT(compared, 10'000);
  }
}

TEST(TrainTransform, InventsNoLabel) {
  TransformOptions options;
  options.image_size = {64, 48};
  const TrainTransform transform(options);
  for (std::uint32_t id = 0; id < 50; ++id) {
    const Sample stored = chart(70, 90, id);
    for (const std::uint16_t label : transform(stored, 0, 0).target.values) {
      ASSERT_TRUE(label == kVoidLabel ||
                  std::find(stored.target.values.begin(), stored.target.values.end(), label) != stored.target.values.end());
    }
  }
}

TEST(TrainTransform, DependsOnSampleSeedAndEpochAndOnNothingElse) {
  TransformOptions options;
  options.image_size = {32, 32};
  options.color_jitter.prob = 1;
  const TrainTransform transform(options);
  constexpr std::uint32_t kSamples = 64;
  std::vector<Sample> forwards(kSamples), backwards(kSamples);
  std::thread upwards([&] {
    for (std::uint32_t id = 0; id < kSamples; ++id) {
      forwards[id] = transform(chart(50, 40, id), 9, 4);
    }
  });
  for (std::uint32_t id = kSamples; id-- > 0;) {
    backwards[id] = transform(chart(50, 40, id), 9, 4);
  }
  upwards.join();
  for (std::uint32_t id = 0; id < kSamples; ++id) {
    EXPECT_EQ(forwards[id].image, backwards[id].image);
    EXPECT_EQ(forwards[id].target, backwards[id].target);
  }
  EXPECT_NE(forwards[0].image, transform(chart(50, 40, 0), 10, 4).image);
  EXPECT_NE(forwards[0].image, transform(chart(50, 40, 0), 9, 5).image);
  EXPECT_NE(forwards[0].image, transform(chart(50, 40, 1), 9, 4).image);
}

// One labelled corner of 1/64 of the area: a crop of a quarter seldom shows it at first.
TEST(TrainTransform, RetriesUntilALearnedClassIsSeen) {
  TransformOptions options = geometry(32, 32);
  const TrainTransform transform(options);
  int seen = 0;
  for (std::uint32_t id = 0; id < 100; ++id) {
    Sample sample = chart(64, 64, id);
    for (int y = 0; y < 64; ++y) {
      for (int x = 0; x < 64; ++x) {
        sample.target.row(y)[x] = y < 8 && x < 8 ? 0 : kVoidLabel;
      }
    }
    const Sample out = transform(sample, 2, 0);
    seen += std::count(out.target.values.begin(), out.target.values.end(), 0) > 0;
  }
  EXPECT_GT(seen, 60);  // one try shows it with (8 / 33)^2 = 6 %, 21 tries with 72 %
  EXPECT_LT(seen, 100);
  EXPECT_EQ(transform.given_up(), static_cast<std::uint64_t>(100 - seen));
}

TEST(TrainTransform, CountsAnIgnoredClassAsNothingToLearn) {
  Sample sample = chart(40, 40);
  std::fill(sample.target.values.begin(), sample.target.values.end(), std::uint16_t{1});
  const TrainTransform ignoring(geometry(32, 32), {true, false});
  const Sample out = ignoring(sample, 0, 0);
  EXPECT_EQ(ignoring.given_up(), 1U);
  EXPECT_EQ(out.target.values[0], 1);  // still there: what to do with it is the loss's business
  const TrainTransform learning(geometry(32, 32), {false, true});
  (void)learning(sample, 0, 0);
  EXPECT_EQ(learning.given_up(), 0U);
}

TEST(TrainTransform, WorksWithoutLabels) {
  Sample sample = chart(40, 40);
  sample.target = {};
  const TrainTransform transform(geometry(32, 32));
  const Sample out = transform(sample, 0, 0);
  EXPECT_EQ(out.image.height, 32);
  EXPECT_TRUE(out.target.values.empty());
  EXPECT_EQ(transform.given_up(), 0U);
}

TEST(TrainTransform, RefusesLabelsOfAnotherSizeAndBadOptions) {
  Sample sample = chart(40, 40);
  sample.target = image::LabelMap(40, 41);
  EXPECT_THROW((void)TrainTransform(geometry(32, 32))(sample, 0, 0), InvariantError);
  TransformOptions options;
  options.image_size = {};
  EXPECT_THROW((void)TrainTransform(options), ConfigError);
}

TEST(Normalise, WritesPlanesOfFloats) {
  image::Image image(1, 2);
  image.pixels = {0, 51, 255, 102, 204, 128};
  const std::vector<double> mean = {0.485, 0.456, 0.406}, std = {0.229, 0.224, 0.225};
  std::vector<float> out(6);
  normalise_into(image, out.data(), mean, std);
  EXPECT_FLOAT_EQ(out[0], static_cast<float>((0 - 0.485) / 0.229));
  EXPECT_FLOAT_EQ(out[1], static_cast<float>((0.4 - 0.485) / 0.229));
  EXPECT_FLOAT_EQ(out[2], static_cast<float>((0.2 - 0.456) / 0.224));
  EXPECT_FLOAT_EQ(out[3], static_cast<float>((0.8 - 0.456) / 0.224));
  EXPECT_FLOAT_EQ(out[4], static_cast<float>((1 - 0.406) / 0.225));
  EXPECT_FLOAT_EQ(out[5], static_cast<float>((128 / 255.0 - 0.406) / 0.225));
}

}  // namespace
}  // namespace muster::data
