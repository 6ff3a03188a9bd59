#include "pack/pack.hpp"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include <spdlog/spdlog.h>

#include "core/error.hpp"
#include "data/shard_format.hpp"
#include "pack/append.hpp"
#include "pack/finish_split.hpp"
#include "pack/output_folder.hpp"
#include "pack/producer.hpp"
#include "pack/shard_rounds.hpp"
#include "pack/skipped_file.hpp"
#include "pack/split_decision.hpp"

namespace muster::pack {
namespace {

PreflightReport inspect_all(const PackOptions& options, Ranks& ranks) {
  PreflightReport report;
  for (const auto& [split, sources] : sources_by_split(options)) {
    std::shared_ptr<SplitSource> source;
    ranks.together([&, name = split, from = sources] { source = make_split_source(options, name, from, report.notices); });
    report.splits.push_back(inspect_split(split, sources, source, options, ranks, report.problems));
  }
  // Every split of a classes file gives the same notices on it.
  std::ranges::sort(report.notices);
  const auto repeated = std::ranges::unique(report.notices);
  report.notices.erase(repeated.begin(), repeated.end());
  for (const SplitPreflight& split : report.splits) {
    check_same_classes(report.splits.front(), split, options);
  }
  if (options.preflight == "full" && report.splits.size() > 1) {
    report.shared = find_shared(report.splits, options, ranks);
    std::ranges::transform(report.shared, std::back_inserter(report.notices), &SharedImages::text);
  }
  return report;
}

void add_notices(const SplitPreflight& preflight, std::vector<std::string>& notices) {
  const auto notice = [&](std::size_t count, const std::string& text) {
    if (count > 0) {
      notices.push_back(fmt::format("split {}: {} {}", preflight.split, count, text));
    }
  };
  notice(preflight.other_files, "files among the images have another extension and were left alone");
  notice(preflight.targets_without_image, "masks or labels belong to no image");
  notice(preflight.duplicates.size(), "groups of images are the same file under several names");
  notice(preflight.skipped.size(), "samples were left out, see skipped.csv");
}

PackedSplit summary_of(const std::string& name, const data::ManifestSplit& split) {
  PackedSplit summary;
  summary.name = name;
  summary.samples = split.num_samples;
  summary.shards = split.shards.size();
  summary.fingerprint = split.fingerprint;
  for (const data::ManifestShard& shard : split.shards) {
    summary.bytes += shard.bytes;
  }
  return summary;
}

// Bytes of images that are stored as they are: what the shards need at least.
std::uint64_t copied_bytes(const std::vector<SplitPlan>& plans, const PackOptions& options) {
  std::uint64_t bytes = 0;
  for (const SplitPlan& plan : plans) {
    for (const PlannedSample& sample : plan.preflight.samples) {
      const bool copied =
          options.max_side == 0 && !options.strip_metadata && sample.info.codec != image::Codec::kNone && !sample.info.progressive;
      bytes += copied ? sample.source.image.bytes : 0;
    }
  }
  return bytes;
}

// --- the job ------------------------------------------------------------------------------------------------------------------

class PackJob {
 public:
  PackJob(const PackOptions& options, dist::Communicator& world) : options_(options), ranks_(world) { summary_.out = options.out; }

  PackSummary run(const ShowReport& show) {
    ranks_.together([&] { validate(options_); });
    open_folder();
    PreflightReport report = inspect_all(options_, ranks_);
    if (show) {
      show(report);
    }
    source_ = report.splits.front().source;
    summary_.classes = source_->classes().size();
    check_kind();
    report.throw_if_bad(options_);
    summary_.notices = report.notices;
    const std::string decisions = ranks_.from_first([&] { return wire_of(decide_all(report.splits)); });
    std::vector<SplitPlan> plans = plans_of(std::move(report.splits), decisions, options_);
    if (plans.empty()) {
      ranks_.from_first([&] { return folder_->tidy(), std::string(); });
    } else {
      pack_plans(plans);
    }
    return share_summary();
  }

 private:
  void open_folder() {
    ranks_.from_first([&] {
      folder_ = std::make_unique<OutputFolder>(options_.out);
      return std::string();
    });
  }

  void check_kind() {
    ranks_.from_first([&] {
      if (folder_->manifest()) {
        check_same_kind(*folder_->manifest(), options_, *source_);
      }
      return std::string();
    });
  }

  std::vector<SplitDecision> decide_all(const std::vector<SplitPreflight>& splits) {
    std::vector<SplitDecision> decisions;
    for (const SplitPreflight& split : splits) {
      decisions.push_back(decide_split(split, folder_->manifest(), options_));
      if (decisions.back().action == SplitAction::kNothing) {
        summary_.splits.push_back(summary_of(split.split, folder_->manifest()->splits.at(split.split)));
        summary_.splits.back().was_there = true;
      }
    }
    return decisions;
  }

  void pack_plans(std::vector<SplitPlan>& plans) {
    ranks_.from_first([&] {
      std::vector<std::string> splits;
      for (const SplitPlan& plan : plans) {
        splits.push_back(plan.preflight.split);
      }
      folder_->begin(plan_json(plans), splits, options_.restart, copied_bytes(plans, options_));
      start_manifest(plans);
      return std::string();
    });
    try {
      for (SplitPlan& plan : plans) {
        pack_split(plan);
      }
      ranks_.from_first([&] {
        update_skipped_file(folder_->path(), skipped_);
        folder_->finish(manifest_);
        return std::string();
      });
    } catch (const DataError&) {
      throw;  // the sources must change, and with them the plan: nothing of this call can be used
    } catch (const UndeclaredValueError&) {
      throw;
    } catch (...) {
      if (folder_) {
        folder_->keep();
      }
      throw;
    }
  }

  void start_manifest(const std::vector<SplitPlan>& plans) {
    manifest_ = folder_->manifest().value_or(data::Manifest{.task = options_.task,
                                                            .producer = producer_versions(),
                                                            .orientation_policy = options_.orientation,
                                                            .classes = source_->classes(),
                                                            .splits = {},
                                                            .base = {},
                                                            .parent_fingerprint = {},
                                                            .multi_label = source_->multi_label(),
                                                            .max_side = static_cast<std::uint32_t>(options_.max_side),
                                                            .strip_metadata = options_.strip_metadata});
    if (std::ranges::any_of(plans, [](const SplitPlan& plan) { return plan.first_shard > 0; })) {
      manifest_.parent_fingerprint = dataset_fingerprint(manifest_);
      ++manifest_.generation;
    }
  }

  void pack_split(SplitPlan& plan) {
    SplitPreflight& preflight = plan.preflight;
    const data::ShardIdentity identity{.task = options_.task,
                                       .split = preflight.split,
                                       .plan_hash = plan.plan_hash,
                                       .producer = producer_line(),
                                       .orientation_policy = options_.orientation,
                                       .number = plan.first_shard,
                                       .classes = preflight.source->classes(),
                                       .multi_label = preflight.source->multi_label()};
    PackProgress progress("packing " + preflight.split, {preflight.samples.size(), preflight.source_bytes}, ranks_.count(),
                          progress_on_terminal(ranks_.is_first()));
    const ShardJobs jobs(plan, options_, identity, options_.out, progress);
    const std::size_t allowed = most_skipped(options_, preflight.images);
    const std::size_t most = allowed - std::min(allowed, preflight.skipped.size());
    const auto start = std::chrono::steady_clock::now();
    const std::vector<ShardResult> results = run_shards(jobs, ranks_, most, progress);
    summary_.packing_s += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    count_packed(plan, results);
    for (const ShardResult& result : results) {
      preflight.skipped.insert(preflight.skipped.end(), result.skipped.begin(), result.skipped.end());
    }
    check_skipped(preflight, preflight.skipped.size(), options_);
    ranks_.from_first([&] {
      take_results(plan, results, identity);
      return std::string();
    });
  }

  void count_packed(const SplitPlan& plan, const std::vector<ShardResult>& results) {
    for (std::size_t shard = 0; shard < results.size(); ++shard) {
      for (std::size_t i = plan.shard_begin[shard]; i < plan.shard_begin[shard + 1] && !results[shard].taken_over; ++i) {
        const SourceSample& source = plan.preflight.samples[i].source;
        summary_.packed.files += 1;
        summary_.packed.bytes += source.image.bytes + (source.mask ? source.mask->bytes : 0);
      }
    }
  }

  // Rank 0: index and manifest of the split.
  void take_results(const SplitPlan& plan, const std::vector<ShardResult>& results, const data::ShardIdentity& identity) {
    const std::string& split = plan.preflight.split;
    const data::ManifestSplit* packed = plan.first_shard > 0 ? &manifest_.splits.at(split) : nullptr;
    const std::size_t before = packed == nullptr ? 0 : packed->num_samples;
    FinishedSplit finished = finish_split(plan, results, packed, manifest_.generation, identity, folder_->path());
    PackedSplit summary = summary_of(split, finished.manifest);
    summary.added = packed == nullptr ? 0 : finished.manifest.num_samples - before;
    summary.skipped = plan.preflight.skipped.size();
    summary.taken_over = static_cast<std::size_t>(std::ranges::count(results, true, &ShardResult::taken_over));
    spdlog::info("{}: {} samples in {} shard{}{}", split, finished.manifest.num_samples - before, results.size(),
                 results.size() == 1 ? "" : "s",
                 summary.taken_over == 0 ? "" : fmt::format(", {} of them finished before", summary.taken_over));
    summary_.splits.push_back(std::move(summary));
    skipped_[split] = packed == nullptr ? plan.preflight.skipped : left_out_after_append(folder_->path(), plan.preflight);
    add_notices(plan.preflight, summary_.notices);
    std::ranges::copy(finished.remarks, std::back_inserter(summary_.notices));
    manifest_.splits[split] = std::move(finished.manifest);
  }

  // What rank 0 knows of the result, on all ranks.
  PackSummary share_summary() {
    const std::string text = ranks_.from_first([&] {
      WireWriter wire;
      wire.value(std::uint64_t{summary_.splits.size()});
      for (const PackedSplit& split : summary_.splits) {
        wire.text(split.name);
        wire.text(split.fingerprint);
        wire.value(std::array{split.samples, split.shards, split.taken_over, split.added, std::size_t{split.bytes}, split.skipped});
        wire.value(split.was_there);
      }
      for (const std::string& notice : summary_.notices) {
        wire.text(notice);
      }
      return wire.take();
    });
    WireReader wire(text);
    PackSummary shared{.out = summary_.out,
                       .classes = summary_.classes,
                       .splits = {},
                       .notices = {},
                       .packed = summary_.packed,
                       .packing_s = summary_.packing_s};
    shared.splits.resize(wire.value<std::uint64_t>());
    for (PackedSplit& split : shared.splits) {
      split.name = wire.text();
      split.fingerprint = wire.text();
      const auto [samples, shards, taken_over, added, bytes, skipped] = wire.value<std::array<std::size_t, 6>>();
      split.samples = samples;
      split.shards = shards;
      split.taken_over = taken_over;
      split.added = added;
      split.bytes = bytes;
      split.skipped = skipped;
      split.was_there = wire.value<bool>();
    }
    while (!wire.done()) {
      shared.notices.push_back(wire.text());
    }
    return shared;
  }

  const PackOptions& options_;
  Ranks ranks_;
  PackSummary summary_;
  std::unique_ptr<OutputFolder> folder_;       // rank 0's
  std::shared_ptr<const SplitSource> source_;  // of the first split
  data::Manifest manifest_;                    // rank 0's
  std::map<std::string, std::vector<SkippedFile>> skipped_;
};

}  // namespace

PreflightReport preflight(const PackOptions& options, dist::Communicator& world) {
  Ranks ranks(world);
  ranks.together([&] { validate(options); });
  return inspect_all(options, ranks);
}

PackSummary pack(const PackOptions& options, dist::Communicator& world, const ShowReport& show) {
  return PackJob(options, world).run(show);
}

PackSummary pack(const PackOptions& options) {
  const auto solo = dist::make_solo_communicator();
  PackSummary summary = pack(options, *solo);
  solo->close();
  return summary;
}

}  // namespace muster::pack
