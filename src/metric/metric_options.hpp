// Options of the scores, keys `metric_args.*`.
#pragma once

#include <string>

#include "core/error.hpp"
#include "core/options.hpp"

namespace muster::metric {

struct MetricOptions {
  std::string watch_metric = "val_metric/miou";  // decides which checkpoint is `best`: strictly greater wins
  bool classwise = false;                        // also one number per class in the logs; eval.json always has them
};

template <class Visitor>
void visit(Visitor& v, MetricOptions& o) {
  v.field("watch_metric", o.watch_metric, any_value(), "the score that decides which checkpoint is best, as it is named in the log");
  v.field("classwise", o.classwise, any_value(), "log one number per class beside each mean");
}

// Which scores there are depends on the task, which checks the rest of the name.
inline void validate(const MetricOptions& o) {
  if (!o.watch_metric.starts_with("val_metric/")) {
    throw ConfigError("metric_args.watch_metric={} is no score of the validation split; write val_metric/NAME, such as val_metric/miou",
                      o.watch_metric);
  }
}

}  // namespace muster::metric
