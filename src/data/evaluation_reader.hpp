// Every sample of a split once, in order, decoded ahead by threads; no transform, no padding, no repetition.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "data/sample.hpp"
#include "data/shard_reader.hpp"

namespace muster::data {

struct EvaluationPlan {
  int threads = 0;   // 0 = one per processor this rank may use
  int prefetch = 4;  // samples decoded ahead
  int rank = 0;      // of `world` parts as batch_cut.hpp's cut() makes them
  int world = 1;
};

// One thread calls next(). `reader` must outlive it.
class EvaluationReader {
 public:
  explicit EvaluationReader(const ShardReader& reader, const EvaluationPlan& plan = {});
  ~EvaluationReader();
  EvaluationReader(const EvaluationReader&) = delete;
  EvaluationReader& operator=(const EvaluationReader&) = delete;

  std::uint32_t size() const noexcept;  // samples of this rank
  // The next sample, or nothing after the last one. What a worker threw comes out here.
  std::optional<Sample> next();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace muster::data
