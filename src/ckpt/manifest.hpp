// manifest.json: what a checkpoint holds and where. The format's page is FORMAT.md.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/flat_layout.hpp"
#include "core/state.hpp"

namespace muster::ckpt {

struct StoredKind {
  StateKind kind = StateKind::kWeight;
  ScalarType dtype = ScalarType::kF32;
  bool operator==(const StoredKind&) const = default;
};

// A flat segment, cut into `shards` slices of `chunk` elements: slice s is [s chunk, (s + 1) chunk), clamped to numel.
struct StoredSegment {
  std::string name;  // "blocks.7/matrix"
  std::int64_t numel = 0;
  int shards = 1;
  std::int64_t chunk = 0;
  std::vector<StoredKind> kinds;  // each is a tensor "name#kind" in the state files
  std::vector<Piece> tensors;     // which parameters lie where; empty for a buffer
};

struct StoredFile {
  std::string name;
  std::uint64_t bytes = 0;
  std::string hash;  // XXH3-128, 32 hex digits
};

struct Manifest {
  std::string run_id;
  std::int64_t step = 0;
  std::string files_mode = "per_rank";
  std::vector<StoredSegment> segments;
  std::vector<StoredFile> files;  // file s holds slice s of every segment that has one
  std::vector<StateRecord> records;

  const StoredSegment* find_segment(std::string_view name) const noexcept;
};

// Of the state as rank `shard` of `shards` holds it. Files are added by the caller. InvariantError when an entry's memory is
// neither this rank's slice nor the whole tensor.
Manifest describe(const StateView& view, int shard, int shards);

std::string to_json(const Manifest& manifest);
// CheckpointError, starting with `where`, for anything that is not a manifest of this format.
Manifest parse_manifest(std::string_view text, const std::string& where);

// "shard-00000-of-00004.safetensors"
std::string state_file_name(int shard, int shards);

}  // namespace muster::ckpt
