// The part of every parameter segment that one rank keeps, for filling it without any rank holding the whole model.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <ATen/core/Tensor.h>
#include <c10/core/TensorOptions.h>

#include "core/flat_layout.hpp"
#include "model/block.hpp"

namespace muster::model {

struct ShardedSegment {
  SegmentLayout layout;
  FlatShard shard;
  at::Tensor data;  // [shard.chunk]: elements [shard.begin, shard.end) of the segment, then padding; gaps and padding are zero
};

// Those of one rank, all zero, in order of units, then of SegmentKind: as ParameterStore has them, cut by flat_shard().
std::vector<ShardedSegment> sharded_segments(std::span<const UnitSpec> units, int rank, int world, const at::TensorOptions& options);

// The elements [begin, end) of one tensor, row by row, that lie in a shard.
struct TensorSlice {
  const Piece* piece = nullptr;  // of the segment's layout
  std::int64_t begin = 0, end = 0;
  at::Tensor values;  // [end - begin], a view of the shard's data
};

// In order of the segment; pieces of which the shard holds nothing are left out. The segment must outlive the result.
std::vector<TensorSlice> tensor_slices(const ShardedSegment& segment);

}  // namespace muster::model
