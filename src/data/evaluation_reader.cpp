#include "data/evaluation_reader.hpp"

#include "core/error.hpp"
#include "data/batch_cut.hpp"
#include "data/ordered_jobs.hpp"

namespace muster::data {

struct EvaluationReader::State {
  State(const ShardReader& source, const EvaluationPlan& plan)
      : reader(source),
        range(cut({.begin = 0, .end = source.size()}, static_cast<std::uint64_t>(plan.rank), static_cast<std::uint64_t>(plan.world))),
        ahead(static_cast<std::uint32_t>(plan.prefetch)),
        next_id(range.begin),
        jobs(
            worker_threads(plan.threads), static_cast<std::size_t>(plan.prefetch), [this] { return open_sample(); },
            [this](Sample& sample, std::size_t) { fill(sample); }) {}

  std::optional<OrderedJobs<Sample>::Opened> open_sample() {
    if (next_id == range.end) {
      return std::nullopt;
    }
    return OrderedJobs<Sample>::Opened{.group = {.id = static_cast<std::uint32_t>(next_id++), .image = {}, .target = {}}, .jobs = 1};
  }

  // The system reads what will be opened next while this is decoded.
  void fill(Sample& sample) const {
    if (std::uint64_t{sample.id} + ahead < range.end) {
      reader.will_read(sample.id + ahead);
    }
    sample = decode(reader.read(sample.id), reader.place(sample.id));
  }

  const ShardReader& reader;
  const PositionRange range;
  const std::uint32_t ahead;  // samples
  std::uint64_t next_id;      // guarded by the lock of `jobs`
  OrderedJobs<Sample> jobs;
};

EvaluationReader::EvaluationReader(const ShardReader& reader, const EvaluationPlan& plan) {
  check(plan.rank >= 0 && plan.rank < plan.world && plan.prefetch > 0, "EvaluationReader: rank {} of {}, prefetch {}", plan.rank,
        plan.world, plan.prefetch);
  state_ = std::make_unique<State>(reader, plan);
}

EvaluationReader::~EvaluationReader() = default;

std::uint32_t EvaluationReader::size() const noexcept {
  return static_cast<std::uint32_t>(state_->range.size());
}

std::optional<Sample> EvaluationReader::next() {
  return state_->jobs.pop();
}

}  // namespace muster::data
