// A strategy is three choices; its name occurs in this table and nowhere else (CONTRACTS 1).
#pragma once

#include <string_view>

namespace muster::parallel {

// When a unit's whole weights are in memory.
enum class Gathered { kAlways, kPerPass, kPerUse };
// Where a unit's gradient is after its last backward, and when it is reduced.
enum class Gradients { kReplicated, kShardedAtStep, kShardedAtMicroStep };
enum class MeshAxes { kOne, kTwo };

struct Preset {
  Gathered weights = Gathered::kAlways;
  Gradients gradients = Gradients::kReplicated;
  MeshAxes axes = MeshAxes::kOne;
  bool operator==(const Preset&) const = default;
};

// ConfigError for a name that is no strategy.
Preset preset_named(std::string_view strategy);

}  // namespace muster::parallel
