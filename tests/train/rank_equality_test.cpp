// CONTRACTS 5 with ranks as threads: what one rank does, 2, 3 and 4 do too.
#include <cmath>
#include <mutex>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include "dist/thread_ranks.hpp"
#include "tiny_training.hpp"

namespace muster::train {
namespace {

std::vector<TinyResult> on_threads(int world, const TinyPlan& plan) {
  at::set_num_threads(1);
  std::vector<TinyResult> results(static_cast<std::size_t>(world));
  dist::run_thread_ranks(world, [&](dist::Communicator& ranks) {
    at::set_num_threads(1);
    results[static_cast<std::size_t>(ranks.rank())] = train_tiny(plan, ranks);
  });
  return results;
}

double relative(const at::Tensor& a, const at::Tensor& b) {
  const double scale = b.to(at::kDouble).norm().item<double>();
  const double difference = (a.to(at::kDouble) - b.to(at::kDouble)).norm().item<double>();
  return scale > 0 ? difference / scale : difference;
}

struct Worst {
  double value = 0;
  std::string name;
};

Worst worst_difference(const std::map<std::string, at::Tensor>& a, const std::map<std::string, at::Tensor>& b) {
  EXPECT_EQ(a.size(), b.size());
  Worst worst;
  for (const auto& [name, tensor] : a) {
    const double value = relative(tensor, b.at(name));
    if (!(value <= worst.value)) {  // NaN too
      worst = {value, name};
    }
  }
  return worst;
}

const TinyResult& one_rank(bool fp64) {
  if (fp64) {
    static const TinyResult in_fp64 = on_threads(1, {.fp64 = true}).at(0);
    return in_fp64;
  }
  static const TinyResult in_fp32 = on_threads(1, {.fp64 = false}).at(0);
  return in_fp32;
}

TEST(RankEquality, TheRunThatIsComparedMovesWhatItShouldAndMasksSomeOfTheTime) {
  for (const bool fp64 : {true, false}) {
    const TinyResult& run = one_rank(fp64);
    for (const auto& [name, weight] : run.weights) {
      const bool moved = !weight.equal(run.initial.at(name));
      if (is_frozen(name)) {
        EXPECT_FALSE(moved) << name;
      } else if (!is_unused(name)) {
        EXPECT_TRUE(moved) << name;
      }
    }
    EXPECT_LT(run.losses.back(), run.losses.front());
    EXPECT_GT(run.masked_shares.front(), 0.01);
    EXPECT_LT(run.masked_shares.front(), 0.999);
    EXPECT_EQ(run.masked_shares.back(), 0);
  }
}

class AcrossRanks : public testing::TestWithParam<std::tuple<int, int>> {};

TEST_P(AcrossRanks, TheSameWeightsInFp64) {
  const auto [world, micro_steps] = GetParam();
  const std::vector<TinyResult> results = on_threads(world, {.micro_steps = micro_steps, .fp64 = true});
  for (const TinyResult& other : results) {
    EXPECT_EQ(other.hash, results[0].hash) << "ranks hold different bits";
  }
  const Worst worst = worst_difference(results[0].weights, one_rank(true).weights);
  EXPECT_LE(worst.value, 1e-12) << worst.name;
}

TEST_P(AcrossRanks, TheSameFirstGradientsAndLossInFp32) {
  const auto [world, micro_steps] = GetParam();
  const std::vector<TinyResult> results = on_threads(world, {.micro_steps = micro_steps, .fp64 = false});
  for (const TinyResult& other : results) {
    EXPECT_EQ(other.hash, results[0].hash) << "ranks hold different bits";
  }
  const Worst worst = worst_difference(results[0].first_gradients, one_rank(false).first_gradients);
  EXPECT_LE(worst.value, 1e-5) << worst.name;
  EXPECT_NEAR(results[0].losses.back() / one_rank(false).losses.back(), 1, 1e-3);
}

std::string name_of(const testing::TestParamInfo<std::tuple<int, int>>& combination) {
  const auto [world, micro_steps] = combination.param;
  return "Ranks" + std::to_string(world) + "MicroSteps" + std::to_string(micro_steps);
}

INSTANTIATE_TEST_SUITE_P(RanksAndAccumulation, AcrossRanks, testing::Combine(testing::Values(1, 2, 3, 4), testing::Values(1, 3)), name_of);

TEST(RankEquality, ARepeatedRunGivesTheSameBits) {
  const TinyPlan plan{.steps = 6, .micro_steps = 2, .fp64 = false};
  EXPECT_EQ(on_threads(3, plan)[0].hash, on_threads(3, plan)[0].hash);
}

}  // namespace
}  // namespace muster::train
