#include "pack/pack.hpp"

#include <algorithm>
#include <map>
#include <utility>

#include <spdlog/spdlog.h>

#include "core/error.hpp"
#include "data/shard_format.hpp"
#include "pack/class_file.hpp"
#include "pack/output_folder.hpp"
#include "pack/plan.hpp"
#include "pack/producer.hpp"
#include "pack/shard_job.hpp"
#include "pack/skipped_file.hpp"
#include "pack/statistics.hpp"

namespace muster::pack {
namespace {

// A data set of another kind in the folder cannot take these splits.
void check_same_kind(const data::Manifest& manifest, const PackOptions& options, const DeclaredClasses& declared) {
  const auto refuse = [&](const std::string& what) {
    throw ConfigError("out={} is a packed data set with {}; choose another folder", options.out, what);
  };
  if (manifest.task != options.task) {
    refuse(fmt::format("task {}, not {}", manifest.task, options.task));
  }
  if (manifest.classes.ids != declared.classes.ids || manifest.classes.names != declared.classes.names) {
    refuse(fmt::format("another class list ({} classes, checksum {}) than {} ({} classes, checksum {})", manifest.classes.size(),
                       manifest.classes.names_crc32(), declared.where, declared.classes.size(), declared.classes.names_crc32()));
  }
  if (manifest.orientation_policy != options.orientation) {
    refuse(fmt::format("orientation={}, not {}", manifest.orientation_policy, options.orientation));
  }
}

void add_notices(const SplitPreflight& preflight, std::vector<std::string>& notices) {
  const auto notice = [&](std::size_t count, const std::string& text) {
    if (count > 0) {
      notices.push_back(fmt::format("split {}: {} {}", preflight.split, count, text));
    }
  };
  notice(preflight.other_files, "files among the images have another extension and were left alone");
  notice(preflight.masks_without_image, "masks belong to no image");
  notice(preflight.skipped.size(), "samples were left out, see skipped.csv");
}

std::vector<SplitPlan> make_plans(const PackOptions& options, const DeclaredClasses& declared) {
  Problems problems;
  std::vector<SplitPreflight> preflights;
  for (const auto& [split, sources] : sources_by_split(options)) {
    preflights.push_back(inspect_split(split, sources, options, problems));
  }
  problems.throw_if_any("pack");
  std::vector<SplitPlan> plans;
  for (SplitPreflight& preflight : preflights) {
    check_skipped(preflight, preflight.skipped.size(), options);
    plans.push_back(make_plan(std::move(preflight), options, declared));
  }
  return plans;
}

struct Packed {
  data::ManifestSplit manifest;
  PackedSplit summary;
};

Packed pack_split(SplitPlan& plan, const PackOptions& options, const DeclaredClasses& declared, const std::filesystem::path& folder) {
  const std::string& split = plan.preflight.split;
  const data::ShardIdentity identity{.task = options.task,
                                     .split = split,
                                     .plan_hash = plan.plan_hash,
                                     .producer = producer_line(),
                                     .orientation_policy = options.orientation,
                                     .number = 0,
                                     .classes = declared.classes};
  const ShardJobs jobs(plan, options, declared, identity, folder);
  Packed packed;
  PixelSums sums;
  for (std::size_t number = 0; number < plan.num_shards(); ++number) {
    ShardResult result = jobs.run(static_cast<std::uint32_t>(number));
    spdlog::info("{} {}: {} samples, {:.1f} MB ({} of {})", result.taken_over ? "kept" : "wrote", result.summary.file,
                 result.summary.num_samples, static_cast<double>(result.summary.bytes) / 1e6, number + 1, plan.num_shards());
    sums += result.sums;
    packed.summary.taken_over += result.taken_over ? 1 : 0;
    packed.summary.bytes += result.summary.bytes;
    packed.manifest.shards.push_back(std::move(result.summary));
    plan.preflight.skipped.insert(plan.preflight.skipped.end(), result.skipped.begin(), result.skipped.end());
    check_skipped(plan.preflight, plan.preflight.skipped.size(), options);
  }
  packed.manifest.num_samples = data::link_shards(packed.manifest.shards);
  if (packed.manifest.num_samples == 0) {
    throw DataError("split {}: no sample is left of {} images; see what was wrong with them above", split, plan.preflight.images);
  }
  data::SplitIndex index = data::write_split_index(folder, identity, packed.manifest.shards);
  packed.manifest.order = plan.order;
  packed.manifest.plan_hash = plan.plan_hash;
  packed.manifest.fingerprint = index.fingerprint;
  packed.manifest.index = index.file;
  packed.manifest.statistics = split_statistics(index.columns, sums, declared.classes.size());
  packed.manifest.source_files = 2 * plan.preflight.samples.size();
  packed.manifest.listing_digest = plan.listing_digest;
  packed.summary.name = split;
  packed.summary.samples = packed.manifest.num_samples;
  packed.summary.shards = packed.manifest.shards.size();
  packed.summary.skipped = plan.preflight.skipped.size();
  packed.summary.fingerprint = index.fingerprint;
  return packed;
}

// Takes plans whose split the data set holds already, packed from the same sources, out of `plans`.
std::vector<PackedSplit> take_finished(std::vector<SplitPlan>& plans, const data::Manifest& manifest, const PackOptions& options) {
  std::vector<PackedSplit> finished;
  std::erase_if(plans, [&](const SplitPlan& plan) {
    const auto found = manifest.splits.find(plan.preflight.split);
    if (found == manifest.splits.end()) {
      return false;
    }
    if (found->second.plan_hash != plan.plan_hash) {
      throw ConfigError("out={} holds a split {} from other sources or settings; choose another folder or another split", options.out,
                        found->first);
    }
    PackedSplit summary{.name = found->first,
                        .samples = found->second.num_samples,
                        .shards = found->second.shards.size(),
                        .fingerprint = found->second.fingerprint,
                        .was_there = true};
    for (const data::ManifestShard& shard : found->second.shards) {
      summary.bytes += shard.bytes;
    }
    finished.push_back(std::move(summary));
    return true;
  });
  return finished;
}

// Shards, index files, skipped.csv, then the manifest.
void pack_plans(std::vector<SplitPlan>& plans, const PackOptions& options, const DeclaredClasses& declared, OutputFolder& folder,
                PackSummary& summary) {
  data::Manifest manifest = folder.manifest().value_or(data::Manifest{.task = options.task,
                                                                      .producer = producer_versions(),
                                                                      .orientation_policy = options.orientation,
                                                                      .classes = declared.classes,
                                                                      .splits = {},
                                                                      .base = {},
                                                                      .parent_fingerprint = {}});
  std::map<std::string, std::vector<SkippedFile>> skipped;
  for (SplitPlan& plan : plans) {
    Packed packed = pack_split(plan, options, declared, folder.path());
    manifest.splits[plan.preflight.split] = std::move(packed.manifest);
    summary.splits.push_back(std::move(packed.summary));
    add_notices(plan.preflight, summary.notices);
    skipped[plan.preflight.split] = plan.preflight.skipped;
  }
  update_skipped_file(folder.path(), skipped);
  folder.finish(manifest);
}

}  // namespace

PackSummary pack(const PackOptions& options) {
  validate(options);
  PackSummary summary{.out = options.out, .splits = {}, .notices = {}};
  const DeclaredClasses declared = declared_classes(options, summary.notices);
  summary.classes = declared.classes.size();
  OutputFolder folder(options.out);
  if (folder.manifest()) {
    check_same_kind(*folder.manifest(), options, declared);
  }
  std::vector<SplitPlan> plans = make_plans(options, declared);
  if (folder.manifest()) {
    summary.splits = take_finished(plans, *folder.manifest(), options);
  }
  if (plans.empty()) {
    return summary;
  }
  std::vector<std::string> splits;
  for (const SplitPlan& plan : plans) {
    splits.push_back(plan.preflight.split);
  }
  folder.begin(plan_json(plans), splits, options.restart);
  try {
    pack_plans(plans, options, declared, folder, summary);
  } catch (const DataError&) {
    throw;  // the sources must change, and with them the plan: nothing of this call can be used
  } catch (const UndeclaredValueError&) {
    throw;
  } catch (...) {
    folder.keep();
    throw;
  }
  return summary;
}

}  // namespace muster::pack
