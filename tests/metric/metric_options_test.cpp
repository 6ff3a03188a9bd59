#include "metric/metric_options.hpp"

#include <gtest/gtest.h>

namespace muster::metric {
namespace {

TEST(MetricOptions, WatchAScoreOfTheValidationSplit) {
  EXPECT_NO_THROW(validate(MetricOptions{}));
  EXPECT_NO_THROW(validate(MetricOptions{.watch_metric = "val_metric/miou_model"}));
  EXPECT_THROW(validate(MetricOptions{.watch_metric = "train_loss"}), ConfigError);
}

}  // namespace
}  // namespace muster::metric
