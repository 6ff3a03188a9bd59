#include "pack/split_decision.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include "core/error.hpp"
#include "pack/append.hpp"
#include "pack/wire.hpp"

namespace muster::pack {

namespace {

// Colours are for looking at; two files of one set may choose them freely.
bool same_classes(const data::ClassList& a, const data::ClassList& b) {
  return a.ids == b.ids && a.names == b.names && a.isthing == b.isthing;
}

std::string category_text(const data::ClassList& classes, std::int32_t id) {
  const auto dense = classes.dense_index(id);
  return dense ? fmt::format("{} \"{}\"", classes.isthing[*dense] != 0 ? "the thing" : "the stuff", classes.names[*dense]) : "missing";
}

// Of two lists that differ.
std::int32_t first_different_id(const data::ClassList& a, const data::ClassList& b) {
  std::set<std::int32_t> ids(a.ids.begin(), a.ids.end());
  ids.insert(b.ids.begin(), b.ids.end());
  const auto differs = [&](std::int32_t id) { return category_text(a, id) != category_text(b, id); };
  const auto found = std::ranges::find_if(ids, differs);
  return found == ids.end() ? -1 : *found;
}

}  // namespace

void check_same_classes(const SplitPreflight& first, const SplitPreflight& other, const PackOptions& options) {
  const data::ClassList& a = first.source->classes();
  const data::ClassList& b = other.source->classes();
  if (same_classes(a, b) && first.source->multi_label() == other.source->multi_label()) {
    return;
  }
  if (options.task == "panoptic_segmentation") {
    const std::int32_t id = first_different_id(a, b);
    throw ConfigError("{} and {} have different categories: id {} is {} in the first and {} in the second; give both files the same list",
                      first.sources.annotations, other.sources.annotations, id, category_text(a, id), category_text(b, id));
  }
  throw ConfigError("splits {} and {} have different classes ({} and {}); give classes=FILE for both", first.split, other.split, a.size(),
                    b.size());
}

void check_same_kind(const data::Manifest& manifest, const PackOptions& options, const SplitSource& source) {
  const auto refuse = [&](const std::string& what) {
    throw ConfigError("out={} is a packed data set with {}; choose another folder", options.out, what);
  };
  const data::ClassList& classes = source.classes();
  if (manifest.task != options.task) {
    refuse(fmt::format("task {}, not {}", manifest.task, options.task));
  }
  if (!same_classes(manifest.classes, classes)) {
    refuse(fmt::format("another class list ({} classes, checksum {}) than these sources ({} classes, checksum {})", manifest.classes.size(),
                       manifest.classes.names_crc32(), classes.size(), classes.names_crc32()));
  }
  if (manifest.multi_label != source.multi_label()) {
    refuse(manifest.multi_label ? "several labels per image, not one" : "one label per image, not several");
  }
  if (manifest.orientation_policy != options.orientation) {
    refuse(fmt::format("orientation={}, not {}", manifest.orientation_policy, options.orientation));
  }
  if (manifest.max_side != options.max_side) {
    refuse(fmt::format("max_side={}, not {}", manifest.max_side, options.max_side));
  }
  if (manifest.strip_metadata != options.strip_metadata) {
    refuse(fmt::format("strip_metadata={}, not {}", manifest.strip_metadata, options.strip_metadata));
  }
}

SplitDecision decide_split(const SplitPreflight& sources, const std::optional<data::Manifest>& manifest, const PackOptions& options) {
  if (!manifest || !manifest->splits.contains(sources.split)) {
    return {};
  }
  const data::ManifestSplit& packed = manifest->splits.at(sources.split);
  if (packed.appended.empty() && make_plan(sources, options).plan_hash == packed.plan_hash) {
    return {.action = SplitAction::kNothing};
  }
  SourceChanges changes = source_changes(sources, packed, options.out);
  leave_out_damaged(changes, sources, options);
  if ((options.append || !packed.appended.empty()) && changes.only_adds() && changes.added == 0) {
    return {.action = SplitAction::kNothing};
  }
  if (!options.append) {
    throw ConfigError("out={} holds a split {} from other sources or settings ({}); choose another folder or another split{}", options.out,
                      sources.split, changes.text(),
                      changes.only_adds() && changes.added > 0 ? ", or add the new images with append=true" : "");
  }
  if (!changes.only_adds()) {
    throw DataError("out={}: split {}: {}; append=true only adds images, so pack into a new folder", options.out, sources.split,
                    changes.text());
  }
  return {
      .action = SplitAction::kAppend, .first_shard = static_cast<std::uint32_t>(packed.shards.size()), .is_new = std::move(changes.is_new)};
}

std::string wire_of(const std::vector<SplitDecision>& decisions) {
  WireWriter wire;
  for (const SplitDecision& decision : decisions) {
    wire.value(decision.action);
    wire.value(decision.first_shard);
    wire.list(decision.is_new);
  }
  return wire.take();
}

std::vector<SplitPlan> plans_of(std::vector<SplitPreflight>&& splits, const std::string& decisions, const PackOptions& options) {
  std::vector<SplitPlan> plans;
  WireReader wire(decisions);
  for (SplitPreflight& split : splits) {
    const auto action = wire.value<SplitAction>();
    const auto first_shard = wire.value<std::uint32_t>();
    const auto is_new = wire.list<std::uint8_t>();
    if (action == SplitAction::kAppend) {
      keep_new(split, is_new);
    }
    if (action != SplitAction::kNothing) {
      plans.push_back(make_plan(std::move(split), options, first_shard));
    }
  }
  return plans;
}

}  // namespace muster::pack
