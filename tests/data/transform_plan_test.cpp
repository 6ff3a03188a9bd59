#include "data/transform_plan.hpp"

#include <algorithm>
#include <set>

#include <gtest/gtest.h>

#include "core/error.hpp"

namespace muster::data {
namespace {

TransformOptions options_192() {
  TransformOptions options;
  options.image_size = {192, 192};
  return options;
}

// Printed by tools/golden/transform_plan.py, which has a Philox of its own.
TEST(TransformPlan, DrawsWhatTheSpecificationSays) {
  struct Row {
    std::uint64_t seed;
    std::uint32_t sample, epoch, attempt;
    int height, width, row, column;  // where the scaled image starts in the crop
    bool flip;
  };
  const Row rows[] = {
      {0U, 0, 0, 0, 310, 384, -2, -171, true},        {1U, 5, 0, 0, 163, 202, 14, 0, false},
      {1U, 5, 1, 0, 237, 293, -22, -54, false},       {1U, 5, 1, 3, 261, 323, -41, -80, true},
      {7U, 123456, 2, 20, 273, 338, -48, -123, true}, {4294967295U, 9, 40, 0, 298, 368, -82, -135, true},
  };
  for (const Row& row : rows) {
    const TransformPlan plan =
        draw_plan(options_192(), 322, 398, {.seed = row.seed, .epoch = row.epoch, .sample_id = row.sample, .attempt = row.attempt});
    SCOPED_TRACE(testing::Message() << "seed " << row.seed << " sample " << row.sample);
    EXPECT_EQ(plan.scaled_height, row.height);
    EXPECT_EQ(plan.scaled_width, row.width);
    EXPECT_EQ(plan.top - plan.content.top, row.row);
    EXPECT_EQ(plan.left - plan.content.left, row.column);
    EXPECT_EQ(plan.flip_horizontal, row.flip);
    EXPECT_FALSE(plan.flip_vertical);
    EXPECT_EQ(plan.quarter_turns, 0);
  }
}

TEST(TransformPlan, DrawsEveryScaleFlipAndTurnAboutAsOftenAsAsked) {
  TransformOptions options = options_192();
  options.random_rotate_90.prob = 0.4;
  options.random_flip.vertical_prob = 0.25;
  constexpr int kDraws = 4000;
  std::set<int> widths, rows;
  int horizontal = 0, vertical = 0, turned = 0;
  for (std::uint32_t id = 0; id < kDraws; ++id) {
    const TransformPlan plan = draw_plan(options, 192, 192, {.seed = 3, .sample_id = id});
    widths.insert(plan.scaled_width);
    if (plan.scaled_height == 384) {
      rows.insert(plan.content.top);
    }
    horizontal += plan.flip_horizontal;
    vertical += plan.flip_vertical;
    turned += plan.quarter_turns != 0;
    EXPECT_EQ(plan.scaled_height, plan.scaled_width);
  }
  EXPECT_EQ(widths.size(), 20U);  // scales, the ends included
  EXPECT_EQ(*widths.begin(), 96);
  EXPECT_EQ(*widths.rbegin(), 384);
  EXPECT_GT(rows.size(), 100U);
  EXPECT_GT(*rows.rbegin(), 180);
  // Five standard deviations of a binomial of 4000: 158, 137, 155.
  EXPECT_NEAR(horizontal, 2000, 158);
  EXPECT_NEAR(vertical, 1000, 137);
  EXPECT_NEAR(turned, 1600, 155);
}

TEST(TransformPlan, KeepsTheShapeOfTheImageUnlessAskedToSquash) {
  TransformOptions options = options_192();
  options.scale_jitter = {.min_scale = 1.5, .max_scale = 1.5};
  TransformPlan plan = draw_plan(options, 100, 300, {});
  EXPECT_EQ(plan.scaled_height, 96);  // 1.5 * 192 / 300 = 0.96
  EXPECT_EQ(plan.scaled_width, 288);
  options.scale_jitter.keep_aspect = false;
  plan = draw_plan(options, 100, 300, {});
  EXPECT_EQ(plan.scaled_height, 288);
  EXPECT_EQ(plan.scaled_width, 288);
  options.scale_jitter.prob = 0;
  options.smallest_max_size.max_size = 200;
  plan = draw_plan(options, 100, 300, {});
  EXPECT_EQ(plan.scaled_height, 200);
  EXPECT_EQ(plan.scaled_width, 600);
}

// Printed by tools/golden/transform_plan.py. The two long pictures take the middle after ten boxes that do not fit.
TEST(TransformPlan, DrawsBoxesAsRandomResizedCropDoes) {
  struct Row {
    std::uint64_t seed;
    std::uint32_t sample, epoch;
    int height, width;
    image::Window box;
  };
  const Row rows[] = {
      {0U, 0, 0, 375, 500, {48, 123, 188, 174}},
      {1U, 5, 0, 375, 500, {22, 21, 347, 421}},
      {1U, 5, 1, 500, 333, {289, 147, 207, 164}},
      {7U, 123456, 2, 64, 48, {1, 2, 37, 44}},
      {3U, 8, 4, 20, 900, {0, 436, 20, 27}},
      {4294967295U, 9, 40, 900, 20, {436, 0, 27, 20}},
      {2U, 2, 2, 1, 1, {0, 0, 1, 1}},
  };
  TransformOptions options = options_192();
  options.random_resized_crop.prob = 1;
  for (const Row& row : rows) {
    const TransformPlan plan = draw_plan(options, row.height, row.width, {.seed = row.seed, .epoch = row.epoch, .sample_id = row.sample});
    EXPECT_EQ(plan.source, row.box) << "sample " << row.sample << ": " << plan.source.top << " " << plan.source.left;
    EXPECT_EQ(plan.scaled_height, 192);
    EXPECT_EQ(plan.content, (image::Window{0, 0, 192, 192}));
  }
}

TEST(TransformPlan, DrawsBoxesOfEveryAreaAndShapeInsideTheImage) {
  TransformOptions options = options_192();
  options.random_resized_crop = {.prob = 1, .min_scale = 0.2, .max_scale = 0.9};
  double smallest = 1, largest = 0, narrowest = 9, widest = 0;
  for (std::uint32_t id = 0; id < 4000; ++id) {
    const image::Window box = draw_plan(options, 300, 400, {.seed = 3, .sample_id = id}).source;
    ASSERT_TRUE(box.top >= 0 && box.left >= 0 && box.top + box.height <= 300 && box.left + box.width <= 400);
    const double area = box.height * box.width / 120000.0, shape = static_cast<double>(box.width) / box.height;
    smallest = std::min(smallest, area);
    largest = std::max(largest, area);
    narrowest = std::min(narrowest, shape);
    widest = std::max(widest, shape);
  }
  EXPECT_NEAR(smallest, 0.2, 0.01);  // sides are rounded to pixels
  EXPECT_NEAR(largest, 0.9, 0.01);
  EXPECT_NEAR(narrowest, 0.75, 0.01);
  EXPECT_NEAR(widest, 4.0 / 3, 0.01);
}

TEST(TransformPlan, RoundsScaledSidesToMultiplesWhereAsked) {
  TransformOptions options = options_192();
  options.scale_jitter = {.min_scale = 1.5, .max_scale = 1.5, .divisible_by = 32, .keep_aspect = false};
  EXPECT_EQ(draw_plan(options, 100, 300, {}).scaled_height, 288);
  options.scale_jitter.min_scale = options.scale_jitter.max_scale = 0.7;  // 134.4
  EXPECT_EQ(draw_plan(options, 100, 300, {}).scaled_width, 128);
  options.scale_jitter.min_scale = options.scale_jitter.max_scale = 0.01;
  EXPECT_EQ(draw_plan(options, 100, 300, {}).scaled_width, 32);
}

TEST(TransformPlan, DrawsAnglesToBothSides) {
  TransformOptions options = options_192();
  options.random_rotate = {.prob = 0.5, .degrees = 20};
  int turned = 0;
  double left = 0, right = 0;
  for (std::uint32_t id = 0; id < 1000; ++id) {
    const double angle = draw_plan(options, 192, 192, {.sample_id = id}).rotation;
    turned += angle != 0;
    left = std::max(left, angle);
    right = std::min(right, angle);
  }
  EXPECT_NEAR(turned, 500, 80);  // five standard deviations
  EXPECT_NEAR(left, 20, 0.5);
  EXPECT_NEAR(right, -20, 0.5);
}

TEST(TransformPlan, PadsWhereAsked) {
  TransformOptions options = options_192();
  options.scale_jitter.prob = 0;
  const auto place = [&](const char* position) {
    options.random_crop.pad_position = position;
    const TransformPlan plan = draw_plan(options, 91, 300, {});
    EXPECT_EQ(plan.content.height, 91);
    EXPECT_EQ(plan.content.width, 192);
    return plan.top;
  };
  EXPECT_EQ(place("center"), 50);  // 101 rows of padding, the odd one below
  EXPECT_EQ(place("top_left"), 0);
  EXPECT_EQ(place("bottom_right"), 101);
  std::set<int> tops;
  options.random_crop.pad_position = "random";
  for (std::uint32_t id = 0; id < 1000; ++id) {
    tops.insert(draw_plan(options, 91, 300, {.sample_id = id}).top);
  }
  EXPECT_EQ(*tops.begin(), 0);
  EXPECT_EQ(*tops.rbegin(), 101);
}

TEST(TransformPlan, SaysWhichSampleIsTooSmallWherePaddingIsOff) {
  TransformOptions options = options_192();
  options.scale_jitter.prob = 0;
  options.random_crop.pad_if_needed = false;
  EXPECT_NO_THROW((void)draw_plan(options, 192, 192, {}));
  EXPECT_THROW((void)draw_plan(options, 191, 300, {.sample_id = 8}), DataError);
}

TEST(TransformOptions, RefusesWhatNoRangeSays) {
  const auto refused = [](auto change) {
    TransformOptions options;
    change(options);
    EXPECT_THROW(validate(options), ConfigError);
  };
  EXPECT_NO_THROW(validate(TransformOptions{}));
  refused([](TransformOptions& o) { o.image_size = {512}; });
  refused([](TransformOptions& o) { o.val.image_size = {1, 2, 3}; });
  refused([](TransformOptions& o) { o.normalize.std.pop_back(); });
  refused([](TransformOptions& o) { o.scale_jitter.min_scale = 3; });
  refused([](TransformOptions& o) { o.color_jitter.strength = 11; });
  refused([](TransformOptions& o) { o.random_resized_crop.min_scale = 1.5; });
  refused([](TransformOptions& o) { o.random_resized_crop.max_ratio = 0.5; });
  refused([](TransformOptions& o) {
    o.image_size = {512, 256};
    o.random_rotate_90.prob = 0.1;
  });
}

}  // namespace
}  // namespace muster::data
