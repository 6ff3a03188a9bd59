// What is to be done with each split of a call, given what the output folder holds: rank 0 sees the folder and decides, all ranks follow.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "data/manifest.hpp"
#include "pack/plan.hpp"
#include "pack/preflight.hpp"

namespace muster::pack {

enum class SplitAction : std::uint8_t { kPack, kAppend, kNothing };

struct SplitDecision {
  SplitAction action = SplitAction::kPack;
  std::uint32_t first_shard = 0;       // kAppend: behind those that are there
  std::vector<std::uint8_t> is_new{};  // kAppend: by sample
};

// ConfigError when two splits of a call do not have the same classes, whatever their colours.
void check_same_classes(const SplitPreflight& first, const SplitPreflight& other, const PackOptions& options);

// A data set of another kind in the folder cannot take these splits: ConfigError.
void check_same_kind(const data::Manifest& manifest, const PackOptions& options, const SplitSource& source);

// ConfigError when the split is packed from other sources or settings; DataError when append=true finds more than new images.
SplitDecision decide_split(const SplitPreflight& sources, const std::optional<data::Manifest>& manifest, const PackOptions& options);

std::string wire_of(const std::vector<SplitDecision>& decisions);

// The plans of `splits`, without those that are packed already. `decisions` is rank 0's wire_of().
std::vector<SplitPlan> plans_of(std::vector<SplitPreflight>&& splits, const std::string& decisions, const PackOptions& options);

}  // namespace muster::pack
