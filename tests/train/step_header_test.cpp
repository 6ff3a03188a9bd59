#include "train/step_header.hpp"

#include <csignal>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace muster::train {
namespace {

// A second rank that always posts the same.
class EchoReducer final : public Reducer {
 public:
  int rank() const noexcept override { return 0; }
  int world() const noexcept override { return 2; }
  void sum(std::span<double> values) override {
    for (double& value : values) {
      value *= 2;
    }
  }
  void max(std::span<double> values) override {
    for (double& value : values) {
      value = std::max(value, static_cast<double>(SIGUSR2));
    }
  }
};

TEST(StepHeader, SumsDenominatorsAndSamplesAndHearsAnotherRanksSignal) {
  EchoReducer reducer;
  const StepHeader header = exchange({.denominators = {3, 0.5}, .samples = 4, .stop_signal = 0}, reducer);
  EXPECT_THAT(header.denominators, testing::ElementsAre(6, 1));
  EXPECT_EQ(header.samples, 8);
  EXPECT_EQ(header.stop_signal, SIGUSR2);
}

TEST(StepHeader, OfOneRankIsWhatItPosted) {
  SoloReducer reducer;
  const StepHeader header = exchange({.denominators = {3}, .samples = 4, .stop_signal = SIGTERM}, reducer);
  EXPECT_THAT(header.denominators, testing::ElementsAre(3));
  EXPECT_EQ(header.stop_signal, SIGTERM);
}

}  // namespace
}  // namespace muster::train
