#include "report/logger_options.hpp"

#include <vector>

#include <gtest/gtest.h>

#include "core/error.hpp"

namespace muster::report {
namespace {

std::vector<std::int64_t> recorded_steps(int interval, std::int64_t total) {
  std::vector<std::int64_t> steps;
  for (std::int64_t step = 1; step <= total; ++step) {
    if (is_recorded(step, interval, total)) {
      steps.push_back(step);
    }
  }
  return steps;
}

TEST(LoggerOptions, ChooseTheReferenceIntervals) {
  const LoggerOptions automatic;
  EXPECT_EQ(log_interval(automatic, 40'000), 100);
  EXPECT_EQ(log_interval(automatic, 200), 20);
  EXPECT_EQ(log_interval(automatic, 5), 1);
  EXPECT_EQ(validation_interval(automatic, 40'000), 1000);
  EXPECT_EQ(validation_interval(automatic, 300), 300);
  EXPECT_EQ(validation_log_interval(automatic, 250), 20);
  EXPECT_EQ(validation_log_interval(automatic, 2), 2);
  EXPECT_EQ(log_interval({.log_every_num_steps = 7}, 40'000), 7);
}

TEST(LoggerOptions, RecordTheFirstStepsAndTheLastOneBesideTheInterval) {
  EXPECT_EQ(recorded_steps(40, 130), (std::vector<std::int64_t>{1, 2, 5, 10, 20, 40, 50, 80, 120, 130}));
  EXPECT_EQ(recorded_steps(1, 4), (std::vector<std::int64_t>{1, 2, 3, 4}));
}

TEST(LoggerOptions, RefuseAnIntervalBelowOneWithItsKey) {
  try {
    validate({.val_every_num_steps = 0});
    FAIL() << "0 was accepted";
  } catch (const ConfigError& error) {
    EXPECT_NE(std::string(error.what()).find("logger_args.val_every_num_steps=0"), std::string::npos) << error.what();
  }
  EXPECT_NO_THROW(validate(LoggerOptions{}));
}

}  // namespace
}  // namespace muster::report
