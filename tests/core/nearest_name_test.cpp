#include "core/nearest_name.hpp"

#include <gtest/gtest.h>

namespace muster {
namespace {

const std::vector<std::string> kNames{"steps", "batch_size", "model_args.num_queries", "seed"};

TEST(NearestName, FindsASlipOfTheFinger) {
  EXPECT_EQ(nearest_name("step", kNames), "steps");
  EXPECT_EQ(nearest_name("bacth_size", kNames), "batch_size");  // two neighbours swapped
  EXPECT_EQ(nearest_name("model_args.num_query", kNames), "model_args.num_queries");
}

TEST(NearestName, ProposesNothingWhenNothingIsNear) { EXPECT_EQ(nearest_name("zebra_crossing", kNames), std::nullopt); }

}  // namespace
}  // namespace muster
