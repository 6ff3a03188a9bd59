// From the finished shards of a split to its joined index and its part of the manifest.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "data/manifest.hpp"
#include "pack/plan.hpp"
#include "pack/shard_job.hpp"

namespace muster::pack {

struct FinishedSplit {
  data::ManifestSplit manifest;
  std::vector<std::string> remarks;  // of the split's source
};

// Rank 0 alone. `packed`: the split that these shards are appended to, or nullptr; `generation` of the manifest that is to come.
// Samples that were left out while encoding are in plan.preflight.skipped. DataError when no sample is left, OutputError.
FinishedSplit finish_split(const SplitPlan& plan, const std::vector<ShardResult>& results, const data::ManifestSplit* packed,
                           std::uint32_t generation, const data::ShardIdentity& identity, const std::filesystem::path& folder);

}  // namespace muster::pack
