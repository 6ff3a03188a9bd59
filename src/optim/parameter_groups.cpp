#include "optim/parameter_groups.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>

#include "core/error.hpp"

namespace muster::optim {
namespace {

constexpr std::string_view kBackbone = "backbone.";
constexpr std::string_view kBlocks = "backbone.blocks.";
constexpr std::string_view kFinalNorm = "backbone.norm.";

std::optional<int> block_of(std::string_view parameter) {
  if (!parameter.starts_with(kBlocks)) {
    return std::nullopt;
  }
  const std::string_view rest = parameter.substr(kBlocks.size());
  int block = 0;
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), block);
  check(error == std::errc() && end != rest.data() + rest.size() && *end == '.', "parameter {}: no block number behind {}", parameter,
        kBlocks);
  return block;
}

bool has_no_decay(std::string_view parameter, std::size_t dims) {
  constexpr std::array<std::string_view, 6> kNames{"cls_token", "mask_token", "storage_token", "register_token", "pos_embed", "quer"};
  return dims <= 1 ||
         std::any_of(kNames.begin(), kNames.end(), [&](std::string_view name) { return parameter.find(name) != parameter.npos; });
}

double lr_factor(std::string_view parameter, BackboneDepth depth, const OptimOptions& options) {
  if (!parameter.starts_with(kBackbone) || parameter.starts_with(kFinalNorm)) {
    return 1;
  }
  const int block = block_of(parameter).value_or(0);
  check(block < depth.blocks, "parameter {}: the backbone has {} blocks", parameter, depth.blocks);
  const bool joint = block_of(parameter) && block >= depth.blocks - depth.joint_blocks;
  const double decay = joint ? options.llrd_joint_blocks.value_or(options.llrd) : options.llrd;
  return std::pow(decay, depth.blocks - 1 - block);
}

}  // namespace

ParameterGroup group_of(std::string_view parameter, std::size_t dims, BackboneDepth depth, const OptimOptions& options) {
  return {.lr_factor = lr_factor(parameter, depth, options),
          .weight_decay = has_no_decay(parameter, dims) ? 0 : options.weight_decay,
          .backbone = parameter.starts_with(kBackbone)};
}

std::vector<GroupedPiece> grouped_pieces(const SegmentLayout& layout, const FlatShard& shard, BackboneDepth depth,
                                         const OptimOptions& options) {
  std::vector<GroupedPiece> pieces;
  for (const Piece& piece : layout.pieces) {
    const std::int64_t begin = std::max(piece.begin, shard.begin);
    const std::int64_t end = std::min(piece.end, shard.end);
    if (begin < end) {
      pieces.push_back(
          {.begin = begin - shard.begin, .end = end - shard.begin, .group = group_of(piece.tensor, piece.shape.size(), depth, options)});
    }
  }
  return pieces;
}

}  // namespace muster::optim
