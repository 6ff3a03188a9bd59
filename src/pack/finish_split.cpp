#include "pack/finish_split.hpp"

#include <algorithm>
#include <set>
#include <string_view>

#include "core/error.hpp"
#include "pack/statistics.hpp"

namespace muster::pack {
namespace {

// The sources of what is stored, ascending by key.
std::vector<const SourceSample*> stored_sources(const SplitPlan& plan) {
  std::set<std::string_view> left_out;
  for (const SkippedFile& file : plan.preflight.skipped) {
    left_out.insert(file.key);
  }
  std::vector<const SourceSample*> sources;
  for (const PlannedSample& sample : plan.preflight.samples) {
    if (!left_out.contains(sample.source.image.key)) {
      sources.push_back(&sample.source);
    }
  }
  std::ranges::sort(sources, {}, [](const SourceSample* sample) -> const std::string& { return sample->image.key; });
  return sources;
}

data::ManifestPart part_of(const SplitPlan& plan) {
  const std::vector<const SourceSample*> sources = stored_sources(plan);
  data::ManifestPart part{
      .first_shard = plan.first_shard, .plan_hash = plan.plan_hash, .source_files = 0, .listing_digest = listing_digest(sources)};
  for (const SourceSample* sample : sources) {
    part.source_files += sample->mask ? 2 : 1;
  }
  return part;
}

// A shard that cannot be read back is the disk's fault, not the sources': then the other shards stay for the next call.
data::SplitIndex joined_index(const std::filesystem::path& folder, const data::ShardIdentity& identity,
                              const std::vector<data::ManifestShard>& shards, std::uint32_t generation) {
  try {
    return data::write_split_index(folder, identity, shards, generation);
  } catch (const DataError& error) {
    throw OutputError("{}; give the same command again: what is damaged is made again, the rest is kept", error.what());
  }
}

}  // namespace

FinishedSplit finish_split(const SplitPlan& plan, const std::vector<ShardResult>& results, const data::ManifestSplit* packed,
                           std::uint32_t generation, const data::ShardIdentity& identity, const std::filesystem::path& folder) {
  FinishedSplit finished;
  data::ManifestSplit& split = finished.manifest;
  data::ManifestPart part = part_of(plan);
  PixelSums sums;
  if (packed != nullptr) {
    split = *packed;
    split.appended.push_back(std::move(part));
    sums = sums_of(packed->statistics);
  } else {
    split.order = plan.order;
    split.plan_hash = part.plan_hash;
    split.source_files = part.source_files;
    split.listing_digest = part.listing_digest;
  }
  const std::uint32_t before = split.num_samples;
  for (const ShardResult& result : results) {
    split.shards.push_back(result.summary);
    sums += result.sums;
  }
  split.num_samples = data::link_shards(split.shards);
  if (split.num_samples == before) {
    throw DataError("split {}: no sample is left of {} images; see what was wrong with them above", plan.preflight.split,
                    packed == nullptr ? plan.preflight.images : plan.preflight.samples.size());
  }
  data::SplitIndex index = joined_index(folder, identity, split.shards, packed == nullptr ? 0 : generation);
  split.fingerprint = index.fingerprint;
  split.index = index.file;
  split.statistics = split_statistics(index.columns, sums, identity.target(), identity.classes.size());
  finished.remarks = plan.preflight.source->remarks(index.columns);
  return finished;
}

}  // namespace muster::pack
