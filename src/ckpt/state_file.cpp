#include "ckpt/state_file.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include "core/error.hpp"
#include "core/hash.hpp"
#include "io/value.hpp"

namespace muster::ckpt {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kWriteBlock = 4 << 20;  // bytes that are hashed and written while they are in the cache
constexpr const char* kMetadataKey = "muster";

std::string metadata_json(int shard, int shards, const CheckpointKey& key) {
  return io::to_json(
      io::Value::map({{"format", "muster-checkpoint"}, {"run_id", key.run_id}, {"step", key.step}, {"shard", shard}, {"shards", shards}}),
      -1);
}

// A segment that every rank holds in whole is written by rank 0 alone.
bool is_written(const StateEntry& entry, int shard) {
  return entry.writes && !entry.pieces.empty() && entry.pieces[0].begin < entry.pieces[0].end && (shard == 0 || entry.pieces[0].begin > 0);
}

std::vector<io::TensorView> tensors_of(const StateView& view, int shard) {
  std::vector<io::TensorView> tensors;
  for (const StateEntry& entry : view.entries) {
    if (is_written(entry, shard)) {
      const StatePiece& piece = entry.pieces[0];
      const std::int64_t count = piece.end - piece.begin;
      tensors.push_back({.name = entry.file_name(),
                         .dtype = entry.dtype,
                         .shape = {count},
                         .data = piece.data,
                         .bytes = static_cast<std::size_t>(count) * scalar_bytes(entry.dtype)});
    }
  }
  return tensors;
}

}  // namespace

std::uint64_t bytes_to_write(const StateView& view, int shard) {
  std::uint64_t bytes = 0;
  for (const io::TensorView& tensor : tensors_of(view, shard)) {
    bytes += tensor.bytes;
  }
  return bytes;
}

StoredFile write_state_file(const fs::path& folder, const StateView& view, int shard, int shards, const CheckpointKey& key) {
  const std::vector<io::TensorView> tensors = tensors_of(view, shard);
  const std::string header = io::safetensors_header(tensors, {{kMetadataKey, metadata_json(shard, shards, key)}});
  StoredFile stored{.name = state_file_name(shard, shards), .bytes = header.size(), .hash = {}};
  AtomicFile file(folder / stored.name);
  Xxh3Stream hash;
  hash.update(header);
  file.write(header);
  for (const io::TensorView& tensor : tensors) {
    for (std::size_t at = 0; at < tensor.bytes; at += kWriteBlock) {
      const std::size_t count = std::min(kWriteBlock, tensor.bytes - at);
      hash.update(tensor.data + at, count);
      file.write(tensor.data + at, count);
    }
    stored.bytes += tensor.bytes;
  }
  file.commit();
  stored.hash = hash.hex();
  return stored;
}

StateFile::StateFile(const fs::path& path, int shard, int shards, const CheckpointKey& key) try
    : file_(path), fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
  if (!fd_) {
    throw CheckpointError("cannot open {}: {}", path.string(), errno_text(errno));
  }
  const auto metadata = file_.metadata().find(kMetadataKey);
  const std::string wanted = metadata_json(shard, shards, key);
  if (metadata == file_.metadata().end() || metadata->second != wanted) {
    throw CheckpointError("{} belongs elsewhere: it says {}; wanted {}", path.string(),
                          metadata == file_.metadata().end() ? "nothing about a run" : metadata->second, wanted);
  }
} catch (const DataError& error) {
  throw CheckpointError("{}", error.what());
}

void StateFile::read(const std::string& tensor, ScalarType dtype, std::int64_t first, std::int64_t count, std::byte* destination) const {
  if (!file_.contains(tensor)) {
    throw CheckpointError("{} has no tensor {}", file_.path().string(), tensor);
  }
  const io::TensorInfo& info = file_.info(tensor);
  if (info.dtype != dtype || first < 0 || first + count > info.numel()) {
    throw CheckpointError("{}: tensor {} has {} elements of {}; elements [{}, {}) of {} were wanted", file_.path().string(), tensor,
                          info.numel(), scalar_name(info.dtype), first, first + count, scalar_name(dtype));
  }
  auto left = static_cast<std::size_t>(count) * scalar_bytes(dtype);
  auto offset = static_cast<off_t>(info.offset + static_cast<std::uint64_t>(first) * scalar_bytes(dtype));
  while (left > 0) {
    const ssize_t got = ::pread(fd_.get(), destination, left, offset);
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got <= 0) {
      throw CheckpointError("{} cannot be read at byte {}: {}", file_.path().string(), offset,
                            got < 0 ? errno_text(errno) : "it ends there");
    }
    destination += got;
    left -= static_cast<std::size_t>(got);
    offset += got;
  }
}

}  // namespace muster::ckpt
