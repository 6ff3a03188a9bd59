// How each parameter is trained: its share of the learning rate, its weight decay, and which of the two warm-ups it follows.
//
// The rules are those of LightlyTrain's semantic fine-tuning. Learning rate: block i of L has llrd^(L-1-i); patch
// embedding, tokens and position tables have block 0's share; the backbone's final norm and all heads have 1. Weight
// decay: none for norms, biases and other 1-D parameters, layer scales, tokens, queries, position tables.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "core/flat_layout.hpp"
#include "optim/optim_options.hpp"

namespace muster::optim {

struct BackboneDepth {
  int blocks = 0;
  int joint_blocks = 0;  // the last ones, which also see the queries
};

struct ParameterGroup {
  double lr_factor = 1;
  double weight_decay = 0;
  bool backbone = false;  // stands still while the heads warm up

  bool operator==(const ParameterGroup&) const = default;
};

// `dims` counts the parameter's dimensions. Throws InvariantError for a block outside the depth.
ParameterGroup group_of(std::string_view parameter, std::size_t dims, BackboneDepth depth, const OptimOptions& options);

// A group and the elements of a flat shard that it trains.
struct GroupedPiece {
  std::int64_t begin = 0;
  std::int64_t end = 0;
  ParameterGroup group;
};

// The pieces of `layout` inside elements [shard.begin, shard.end), counted from shard.begin; empty ones are left out.
std::vector<GroupedPiece> grouped_pieces(const SegmentLayout& layout, const FlatShard& shard, BackboneDepth depth,
                                         const OptimOptions& options);

}  // namespace muster::optim
