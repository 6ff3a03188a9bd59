// One state file: a safetensors file with a rank's slice of every segment as a 1-D tensor, "blocks.7/matrix#moment1".
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "ckpt/manifest.hpp"
#include "core/atomic_file.hpp"
#include "core/state.hpp"
#include "io/safetensors.hpp"

namespace muster::ckpt {

struct CheckpointKey {
  std::string run_id;
  std::int64_t step = 0;
};

// Bytes of `view` that rank `shard` writes, without headers.
std::uint64_t bytes_to_write(const StateView& view, int shard);

// Writes what this rank holds and is to write, hashing on the way, and flushes file and folder. OutputError from the disk.
StoredFile write_state_file(const std::filesystem::path& folder, const StateView& view, int shard, int shards, const CheckpointKey& key);

// Elements of tensors of one state file. Safe from any thread.
class StateFile {
 public:
  // CheckpointError when the file is malformed or belongs to another run, step or shard.
  StateFile(const std::filesystem::path& path, int shard, int shards, const CheckpointKey& key);

  // Copies elements [first, first + count) of a tensor. CheckpointError when they are not there.
  void read(const std::string& tensor, ScalarType dtype, std::int64_t first, std::int64_t count, std::byte* destination) const;

 private:
  io::SafetensorsFile file_;
  UniqueFd fd_;
};

}  // namespace muster::ckpt
