// What `muster autolabel` left beside its masks: OUT/_muster/classes.yaml, with classes, void value and how the masks lie.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "pack/pack_options.hpp"

namespace muster::pack {

// The notes on a folder of masks, or on the one that a pattern starts with: its own, or those of a folder above it, as for masks=OUT/a.
// Nothing for masks of other makers.
std::optional<std::filesystem::path> label_notes(const std::string& masks);

// The notes that tell the classes of all splits; nothing when no split has any. ConfigError when two of them differ.
std::optional<std::filesystem::path> shared_label_notes(const PackOptions& options);

// `orientation` as it is meant for these masks: notes that say `orientation: applied` turn auto into apply, so that an image is
// turned upright and its mask, which is upright, is not.
std::string orientation_of_masks(const std::string& masks, const std::string& orientation);

}  // namespace muster::pack
