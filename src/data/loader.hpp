// Training batches in the order of the run, prepared ahead by threads.
//
// What a batch holds is a function of (seed, position) alone: threads, prefetching and timing change nothing, and the same
// positions are covered by any number of ranks (CONTRACTS 7).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "data/batch_cut.hpp"
#include "data/class_list.hpp"
#include "data/loader_options.hpp"
#include "data/sample.hpp"
#include "data/shard_reader.hpp"
#include "data/transform_options.hpp"

namespace muster::data {

// Training transform: stored sample -> pixels of the batch's size. It decodes what it needs; `where` names the sample in errors. Called
// from several threads at once.
using SampleTransform = std::function<Sample(const EncodedSample&, std::string_view where, std::uint64_t seed, std::uint32_t epoch)>;

// One that is handed the whole sample, decoded.
SampleTransform decoding(std::function<Sample(const Sample&, std::uint64_t seed, std::uint32_t epoch)> transform);

struct BatchPlan {
  std::uint64_t seed = 0;
  int batch_size = 1;  // samples of one step over all ranks and micro-batches
  int micro_batches = 1;
  int rank = 0;
  int world = 1;
  int height = 0;  // of the samples that the transform returns
  int width = 0;
  std::uint64_t position = 0;  // where to start: 0, or what a checkpoint recorded
};

// One thread calls next(), seek() and the rest. `reader` must outlive the loader.
class Loader {
 public:
  // ConfigError for a batch smaller than ranks * micro-batches, longer than an epoch with tail=drop, or sampling by classes where the
  // data has none.
  Loader(const ShardReader& reader, const TrainClasses& classes, SampleTransform transform, const NormalizeOptions& normalize,
         const LoaderOptions& options, const BatchPlan& plan);
  ~Loader();  // stops the threads; a sample in work is finished first
  Loader(const Loader&) = delete;
  Loader& operator=(const Loader&) = delete;

  // The micro-batches of the next step for this rank. What a worker threw comes out here, and again on every later call.
  std::vector<Batch> next();

  // Samples of the global order consumed by the steps that next() has delivered, counted over epochs.
  std::uint64_t position() const noexcept;
  double epoch() const noexcept;  // position / samples
  // Goes on from there; what was prepared is dropped.
  void seek(std::uint64_t position);
  // Seconds that the last next() waited for its batch.
  double wait_s() const noexcept;
  int threads() const noexcept;
  // What `reader` has read so far.
  ReadCounters reads() const noexcept;
  // XXH3-128 of the weights that samples are drawn by, which all ranks must agree on; "" for uniform sampling.
  const std::string& weights_digest() const noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace muster::data
