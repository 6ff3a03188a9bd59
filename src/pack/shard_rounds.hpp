// The shards of a split, shared out over the ranks: rank r makes shards r, r + R, r + 2 R, ...
#pragma once

#include <cstddef>
#include <vector>

#include "pack/ranks.hpp"
#include "pack/shard_job.hpp"

namespace muster::pack {

// Collective; the results of all shards, by number, on all ranks. After each round of R shards the ranks tell each other how they fare, but
// wait for no answer before the next one, so that a slow rank holds nobody up. When a shard fails, all ranks throw the error of the failed
// shard with the lowest number. Once more than `most_skipped` samples were left out, the round is finished and what there is comes back.
std::vector<ShardResult> run_shards(const ShardJobs& jobs, Ranks& ranks, std::size_t most_skipped, PackProgress& progress);

}  // namespace muster::pack
