#include "parallel/preset.hpp"

#include <algorithm>
#include <array>

#include "core/error.hpp"

namespace muster::parallel {
namespace {

struct Row {
  std::string_view name;
  Preset preset;
};

constexpr std::array kPresets{
    Row{.name = "ddp", .preset = {.weights = Gathered::kAlways, .gradients = Gradients::kReplicated, .axes = MeshAxes::kOne}},
};

}  // namespace

Preset preset_named(std::string_view strategy) {
  const auto* row = std::ranges::find(kPresets, strategy, &Row::name);
  if (row == kPresets.end()) {
    throw ConfigError("parallel.strategy={} is no strategy of this version; take ddp", strategy);
  }
  return row->preset;
}

}  // namespace muster::parallel
