#include "model/sharded_parameters.hpp"

#include <algorithm>

#include <ATen/ops/zeros.h>

namespace muster::model {

std::vector<ShardedSegment> sharded_segments(std::span<const UnitSpec> units, int rank, int world, const at::TensorOptions& options) {
  std::vector<ShardedSegment> segments;
  for (const UnitSpec& unit : units) {
    for (SegmentLayout& layout : segment_layouts(unit.name, unit.parameters)) {
      const FlatShard shard = flat_shard(layout.numel, rank, world);
      segments.push_back({.layout = std::move(layout), .shard = shard, .data = at::zeros({shard.chunk}, options)});
    }
  }
  return segments;
}

std::vector<TensorSlice> tensor_slices(const ShardedSegment& segment) {
  std::vector<TensorSlice> slices;
  for (const Piece& piece : segment.layout.pieces) {
    const std::int64_t begin = std::max(piece.begin, segment.shard.begin), end = std::min(piece.end, segment.shard.end);
    if (begin < end) {
      slices.push_back({.piece = &piece,
                        .begin = begin - piece.begin,
                        .end = end - piece.begin,
                        .values = segment.data.narrow(0, begin - segment.shard.begin, end - begin)});
    }
  }
  return slices;
}

}  // namespace muster::model
