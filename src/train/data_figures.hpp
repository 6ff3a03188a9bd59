// What waiting for data costs a run: beside each step in the logs, and summed up over ranks at the end.
#pragma once

#include "core/reducer.hpp"
#include "data/loader.hpp"
#include "data/transform.hpp"
#include "report/record.hpp"

namespace muster::train {

// One per rank. Figures are of this process: a run that goes on counts from 0 again.
class DataFigures {
 public:
  // `transform` is the loader's, or a copy of it. Both outlive this.
  DataFigures(const data::Loader& loader, const data::TrainTransform& transform)
      : loader_(loader), transform_(transform), before_(loader.reads()) {}

  // After each step, which took `step_s` seconds from asking for its batch to its end. Adds to `record`: data_wait (seconds of this step
  // spent waiting for its batch), and as details data/wait_share (the same as a share of the step), and since the start, of this rank:
  // data/reads, data/read_mb, data/read_s, data/retries, data/crc_failures; data/cache_hits, data/cache_misses and data/cache_evictions of
  // open shards; data/crops_without_class, crops that were taken although they show nothing to learn.
  void add_step(double step_s, report::Record& record);
  // The same without a record: ranks that do not report.
  void add_step(double step_s);

  // Collective. One line in the log of rank 0: what all ranks have read, and their share of the time that they waited.
  void say_total(Reducer& reducer) const;

 private:
  const data::Loader& loader_;
  const data::TrainTransform& transform_;
  data::ReadCounters before_;  // reads of evaluations before the run do not count
  double wait_s_ = 0.0;
  double all_s_ = 0.0;
};

}  // namespace muster::train
