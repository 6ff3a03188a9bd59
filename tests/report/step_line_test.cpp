#include "report/step_line.hpp"

#include <limits>

#include <gtest/gtest.h>

namespace muster::report {
namespace {

TEST(StepLine, ShowsTheLossWithItsPartsAndLeavesDetailsOut) {
  const Record record{.step = 12,
                      .epoch = 1.2,
                      .values = {{"loss", 2.3141},
                                 {"loss_mask", 0.512},
                                 {"loss_class", 0.97},
                                 {"loss_mask/block3", 0.4},
                                 {"lr", 1e-3},
                                 {"grad_norm", 4.214},
                                 {"images_per_s", 12.34},
                                 {"data_wait", 0.0123},
                                 {"data/wait_share", 0.036}}};
  EXPECT_EQ(step_line(record, 200),
            "step 12/200  epoch 1.20  loss 2.314 (mask 0.512, class 0.97)  lr 0.001  grad norm 4.21  12.3 images/s  data wait 0.012 s (4 %)");
}

TEST(StepLine, ShowsReadsThatFailedAndOnlyThose) {
  Record record{.step = 3, .values = {{"loss", 1.0}, {"data/retries", 0.0}, {"data/crc_failures", 0.0}}};
  EXPECT_EQ(step_line(record, 10), "step 3/10  epoch 0.00  loss 1");
  record.values[1].second = 2.0;
  record.values[2].second = 1.0;
  EXPECT_EQ(step_line(record, 10), "step 3/10  epoch 0.00  loss 1  2 read again, 1 with a wrong checksum");
}

TEST(StepLine, ShowsALossThatIsNotANumber) {
  const Record record{.step = 1, .values = {{"loss", std::numeric_limits<double>::quiet_NaN()}}};
  EXPECT_EQ(step_line(record, 10), "step 1/10  epoch 0.00  loss nan");
}

TEST(StepLine, LeavesSingleClassesOutOfAValidation) {
  const Record record{.step = 200, .values = {{"val_metric/miou", 0.3456}, {"val_metric_classwise/iou_water", 0.5}}};
  EXPECT_EQ(validation_line(record), "validation after step 200: val_metric/miou 0.3456");
}

}  // namespace
}  // namespace muster::report
