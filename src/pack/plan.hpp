// What will lie in which shard, decided before the first is written: the same sources give the same plan on any machine.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "data/manifest.hpp"
#include "io/value.hpp"
#include "pack/preflight.hpp"

namespace muster::pack {

inline constexpr const char* kPlanFile = "plan.json";

struct SplitPlan {
  SplitPreflight preflight;  // its samples in the order in which they are stored
  data::SampleOrdering order;
  std::vector<std::size_t> shard_begin;  // first sample of each shard, then the number of samples
  std::uint32_t first_shard = 0;         // > 0: appended behind the shards that are there
  std::string plan_hash;                 // XXH3-128 of keys, sizes, classes, seed, order and cuts
  std::string listing_digest;            // XXH3-128 of the sorted keys and sizes
  std::string times_digest;              // XXH3-128 of the modification times, in plan.json alone

  std::size_t num_shards() const noexcept { return shard_begin.size() - 1; }
};

// `train` is shuffled by options.seed, others stay sorted. A shard is closed when its sources reach options.shard_bytes.
SplitPlan make_plan(SplitPreflight preflight, const PackOptions& options, std::uint32_t first_shard = 0);

// XXH3-128 of keys, sizes and labels, in this order.
std::string listing_digest(const std::vector<const SourceSample*>& samples);

// What plan.json holds while packing goes on. Two equal texts: an interrupted packing may go on where it stopped.
std::string plan_json(const std::vector<SplitPlan>& plans);

}  // namespace muster::pack
