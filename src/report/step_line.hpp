// A record as one line for people.
#pragma once

#include <cstdint>
#include <string>

#include "report/record.hpp"

namespace muster::report {

// "step 12/200  epoch 1.20  loss 2.31 (mask 0.512, dice 0.83, class 0.972)  lr 0.001  grad norm 4.21  12.3 images/s  data wait 0.012 s"
std::string step_line(const Record& record, std::int64_t total_steps);

// "validation after step 200: val_loss 1.93, val_metric/miou 0.345"; values of single classes (`val_metric_classwise/...`) are left out.
std::string validation_line(const Record& record);

}  // namespace muster::report
