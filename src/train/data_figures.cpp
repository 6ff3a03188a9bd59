#include "train/data_figures.hpp"

#include <array>

#include <spdlog/spdlog.h>

namespace muster::train {

void DataFigures::add_step(double step_s) {
  wait_s_ += loader_.wait_s();
  all_s_ += step_s;
}

void DataFigures::add_step(double step_s, report::Record& record) {
  add_step(step_s);
  const data::ReadCounters reads = loader_.reads();
  record.values.emplace_back("data_wait", loader_.wait_s());
  record.values.emplace_back("data/wait_share", step_s > 0 ? loader_.wait_s() / step_s : 0.0);
  record.values.emplace_back("data/reads", static_cast<double>(reads.reads - before_.reads));
  record.values.emplace_back("data/read_mb", 1e-6 * static_cast<double>(reads.bytes - before_.bytes));
  record.values.emplace_back("data/read_s", reads.seconds - before_.seconds);
  record.values.emplace_back("data/retries", static_cast<double>(reads.retries - before_.retries));
  record.values.emplace_back("data/crc_failures", static_cast<double>(reads.crc_failures - before_.crc_failures));
  record.values.emplace_back("data/cache_hits", static_cast<double>(reads.cache_hits - before_.cache_hits));
  record.values.emplace_back("data/cache_misses", static_cast<double>(reads.cache_misses - before_.cache_misses));
  record.values.emplace_back("data/cache_evictions", static_cast<double>(reads.cache_evictions - before_.cache_evictions));
  record.values.emplace_back("data/crops_without_class", static_cast<double>(transform_.given_up()));
}

void DataFigures::say_total(Reducer& reducer) const {
  const data::ReadCounters reads = loader_.reads();
  std::array<double, 11> sums{static_cast<double>(reads.reads - before_.reads),
                              static_cast<double>(reads.bytes - before_.bytes),
                              static_cast<double>(reads.retries - before_.retries),
                              static_cast<double>(reads.crc_failures - before_.crc_failures),
                              reads.seconds - before_.seconds,
                              static_cast<double>(reads.cache_hits - before_.cache_hits),
                              static_cast<double>(reads.cache_misses - before_.cache_misses),
                              static_cast<double>(reads.cache_evictions - before_.cache_evictions),
                              static_cast<double>(transform_.given_up()),
                              wait_s_,
                              all_s_};
  reducer.sum(sums);
  const auto& [count, bytes, retries, crc_failures, read_s, hits, misses, evictions, classless, wait_s, all_s] = sums;
  if (reducer.rank() == 0 && all_s > 0) {
    spdlog::info(
        "data: {:.0f} reads, {:.1f} MB in {:.1f} s of reading; {:.0f} read again, {:.0f} with a wrong checksum; {:.1f} % of the steps' "
        "time spent waiting; shards found open {:.0f} times, opened {:.0f}, closed for another {:.0f}; {:.0f} crops without a learned "
        "class",
        count, 1e-6 * bytes, read_s, retries, crc_failures, 100 * wait_s / all_s, hits, misses, evictions, classless);
  }
}

}  // namespace muster::train
