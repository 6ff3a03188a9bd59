#include "core/flat_layout.hpp"

#include <algorithm>

#include "core/error.hpp"

namespace muster {
namespace {

std::int64_t round_up_to_tile(std::int64_t value) { return (value + kTile - 1) / kTile * kTile; }

SegmentKind kind_of(const ParameterInfo& parameter) {
  const bool vector = parameter.vector || parameter.shape.size() < 2;
  if (parameter.trainable) {
    return vector ? SegmentKind::kVector : SegmentKind::kMatrix;
  }
  return vector ? SegmentKind::kFrozenVector : SegmentKind::kFrozenMatrix;
}

}  // namespace

FlatShard flat_shard(std::int64_t numel, int rank, int world) {
  check(numel >= 0 && rank >= 0 && rank < world, "flat_shard: numel={} rank={} world={}", numel, rank, world);
  const std::int64_t chunk = round_up_to_tile((numel + world - 1) / world);
  // Two clamps, because rounding up can leave the last ranks empty: 130 over 4 gives 64, 64, 2, 0.
  const std::int64_t begin = std::min(rank * chunk, numel);
  return {.begin = begin, .end = std::min(begin + chunk, numel), .chunk = chunk};
}

const char* segment_name(SegmentKind kind) {
  constexpr const char* kNames[] = {"matrix", "vector", "frozen_matrix", "frozen_vector"};
  return kNames[static_cast<int>(kind)];
}

std::int64_t ParameterInfo::numel() const noexcept {
  std::int64_t count = 1;
  for (const std::int64_t extent : shape) {
    count *= extent;
  }
  return count;
}

std::vector<SegmentLayout> segment_layouts(const std::string& unit, const std::vector<ParameterInfo>& parameters) {
  std::vector<SegmentLayout> layouts;
  for (const SegmentKind kind : kSegmentKinds) {
    SegmentLayout layout{.unit = unit, .kind = kind, .pieces = {}, .numel = 0};
    for (const ParameterInfo& parameter : parameters) {
      if (kind_of(parameter) == kind) {
        const std::int64_t begin = round_up_to_tile(layout.numel);
        layout.numel = begin + parameter.numel();
        layout.pieces.push_back({.tensor = parameter.name, .shape = parameter.shape, .begin = begin, .end = layout.numel});
      }
    }
    if (!layout.pieces.empty()) {
      layouts.push_back(std::move(layout));
    }
  }
  return layouts;
}

}  // namespace muster
