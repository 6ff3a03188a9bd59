// How the parameters of one unit lie in flat segments, and which part of a segment a rank keeps (CONTRACTS 1).
//
// A unit (`stem`, `blocks.K`, `head`) has up to four segments, the same at every precision: trainable matrices, trainable
// vectors, frozen matrices, frozen vectors. Inside a segment the tensors stand in declaration order, each starting at a
// multiple of kTile elements. Optimizer, clipping, EMA and checkpoint know only the table of pieces.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace muster {

inline constexpr std::int64_t kTile = 64;  // elements; also the tile of the gradient norm

// The part of a flat segment that one rank keeps: elements [begin, end).
// `numel` elements are cut into `world` chunks of equal length, rounded up to kTile, so that gather and reduce move the
// same aligned count on every rank. Source: Rajbhandari et al. 2020, "ZeRO", arXiv:1910.02054, section 5.
struct FlatShard {
  std::int64_t begin = 0;
  std::int64_t end = 0;    // past the last real element, <= numel
  std::int64_t chunk = 0;  // elements, multiple of kTile, the same on every rank

  std::int64_t padding() const noexcept { return chunk - (end - begin); }
  bool operator==(const FlatShard&) const = default;
};

// Pure. Throws InvariantError when numel < 0 or rank is outside [0, world).
[[nodiscard]] FlatShard flat_shard(std::int64_t numel, int rank, int world);

enum class SegmentKind : int { kMatrix = 0, kVector = 1, kFrozenMatrix = 2, kFrozenVector = 3 };
inline constexpr std::array kSegmentKinds{SegmentKind::kMatrix, SegmentKind::kVector, SegmentKind::kFrozenMatrix, SegmentKind::kFrozenVector};

// "matrix", "vector", "frozen_matrix", "frozen_vector": the part of a checkpoint's tensor name behind the unit's
const char* segment_name(SegmentKind kind);

// What a unit declares of one parameter.
struct ParameterInfo {
  std::string name;                 // full name, independent of sharding: "blocks.7.attn.qkv.weight"
  std::vector<std::int64_t> shape;  // elements by dim
  bool trainable = true;
  bool vector = false;  // 1-D parameters, and tokens, queries, position tables: kept in fp32 (CONTRACTS 8)

  std::int64_t numel() const noexcept;
};

// One tensor's place in a flat segment: elements [begin, end), begin a multiple of kTile.
struct Piece {
  std::string tensor;
  std::vector<std::int64_t> shape;
  std::int64_t begin = 0;
  std::int64_t end = 0;
};

struct SegmentLayout {
  std::string unit;
  SegmentKind kind = SegmentKind::kMatrix;
  std::vector<Piece> pieces;
  std::int64_t numel = 0;  // end of the last piece

  std::string name() const { return unit + "/" + segment_name(kind); }  // "blocks.7/matrix"
  bool trainable() const noexcept { return kind == SegmentKind::kMatrix || kind == SegmentKind::kVector; }
};

// The segments of a unit that are not empty, in the order of SegmentKind.
std::vector<SegmentLayout> segment_layouts(const std::string& unit, const std::vector<ParameterInfo>& parameters);

}  // namespace muster
