#include "train/progress.hpp"

#include <gtest/gtest.h>

#include "core/error.hpp"

namespace muster::train {
namespace {

TEST(Progress, ReadsBackAsItWasWritten) {
  const Progress progress{.step = 40, .updates = 39, .skipped = 1, .validated_step = 20, .last_score = 0.25, .best = Best{.value = 0.1 + 0.2, .step = 20}};  // a value with no short decimal form
  EXPECT_EQ(progress_from_json(to_json(progress)), progress);
  EXPECT_EQ(progress_from_json(to_json(Progress{})), Progress{});
}

TEST(Progress, RefusesOtherText) {
  EXPECT_THROW(progress_from_json("{}"), CheckpointError);
  EXPECT_THROW(progress_from_json("step 3"), CheckpointError);
}

}  // namespace
}  // namespace muster::train
