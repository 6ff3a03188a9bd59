#include "optim/schedule.hpp"

#include <cmath>

#include <gtest/gtest.h>

#include "core/error.hpp"

namespace muster::optim {
namespace {

TEST(TwoStagePoly, FollowsTheReferencesFormula) {
  const TwoStagePoly schedule(1000, {.heads = 100, .backbone = 200, .notice = {}}, 0.9);
  EXPECT_EQ(schedule.heads(0), 0);
  EXPECT_DOUBLE_EQ(schedule.heads(50), 0.5);
  EXPECT_EQ(schedule.heads(100), 1);
  EXPECT_DOUBLE_EQ(schedule.heads(550), std::pow(0.5, 0.9));
  EXPECT_EQ(schedule.backbone(0), 0);
  EXPECT_EQ(schedule.backbone(99), 0) << "the backbone stands still while the heads warm up";
  EXPECT_EQ(schedule.backbone(100), 0);
  EXPECT_DOUBLE_EQ(schedule.backbone(150), 0.25);
  EXPECT_EQ(schedule.backbone(300), 1);
  EXPECT_NEAR(schedule.backbone(999), std::pow(1.0 / 700.0, 0.9), 1e-15);
  EXPECT_EQ(schedule.heads(1000), 0);
}

TEST(TwoStagePoly, StartsAtFullRateWithoutWarmUp) {
  const TwoStagePoly schedule(10, {}, 1.0);
  EXPECT_EQ(schedule.heads(0), 1);
  EXPECT_EQ(schedule.backbone(0), 1);
}

TEST(TwoStagePoly, StaysInRangeWhenTheWarmUpIsLongerThanTheRun) {
  const TwoStagePoly schedule(10, {.heads = 500, .backbone = 1000, .notice = {}}, 0.9);
  for (std::int64_t step = 0; step <= 10; ++step) {
    EXPECT_DOUBLE_EQ(schedule.heads(step), static_cast<double>(step) / 500);
    EXPECT_EQ(schedule.backbone(step), 0);
  }
}

TEST(Warmup, IsCappedAtATenthAndAFifthWithANotice) {
  const Warmup warmup = resolve_warmup({}, 1000);
  EXPECT_EQ(warmup.heads, 100);
  EXPECT_EQ(warmup.backbone, 200);
  EXPECT_NE(warmup.notice.find("[500, 1000] is capped at [100, 200]"), std::string::npos) << warmup.notice;
}

TEST(Warmup, IsLeftAloneInALongRunAndOnRequest) {
  EXPECT_TRUE(resolve_warmup({}, 40'000).notice.empty());
  EXPECT_EQ(resolve_warmup({}, 40'000).backbone, 1000);
  OptimOptions options;
  options.cap_warmup = false;
  EXPECT_EQ(resolve_warmup(options, 10).heads, 500);
}

TEST(Warmup, RefusesAListOfOne) {
  OptimOptions options;
  options.lr_warmup_steps = {500};
  EXPECT_THROW(resolve_warmup(options, 10), ConfigError);
}

TEST(LearningRate, GrowsWithTheRootOfTheBatch) {
  EXPECT_DOUBLE_EQ(scaled_lr({}, 16), 1e-4);
  EXPECT_DOUBLE_EQ(scaled_lr({}, 64), 2e-4);
  EXPECT_DOUBLE_EQ(scaled_lr({}, 4), 0.5e-4);
}

}  // namespace
}  // namespace muster::optim
