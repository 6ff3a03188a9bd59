// The parts of shard_writer.hpp that see all shards of a split together.
#include "data/shard_writer.hpp"

#include <limits>

#include "core/atomic_file.hpp"
#include "core/error.hpp"
#include "data/shard_file.hpp"

namespace muster::data {

IndexColumns read_columns(const std::filesystem::path& path) {
  const bool is_index = path.filename().string().starts_with("index-");
  return is_index ? read_index_file(path).columns : read_shard_file(path).columns;
}

std::uint32_t link_shards(std::span<ShardSummary> shards) {
  std::uint64_t total = 0;
  for (ShardSummary& shard : shards) {
    shard.first_index = static_cast<std::uint32_t>(total);
    total += shard.num_samples;
    if (total > std::numeric_limits<std::uint32_t>::max()) {
      throw DataError("{}: more than 2^32 - 1 samples in one split; pack it as two data sets", shard.file);
    }
  }
  return static_cast<std::uint32_t>(total);
}

SplitIndex write_split_index(const std::filesystem::path& folder, const ShardIdentity& identity, std::span<const ShardSummary> shards,
                             std::uint32_t generation) {
  SplitIndex index;
  std::vector<std::uint32_t> shard_of;
  index.columns = start_columns(identity.target());
  for (std::size_t i = 0; i < shards.size(); ++i) {
    append_columns(index.columns, read_columns(folder / shards[i].file));
    shard_of.resize(index.columns.size(), static_cast<std::uint32_t>(i));
  }
  index.file.file = index_file_name(identity.split, generation);
  AtomicFile file(folder / index.file.file);
  create_index_file(file.temporary_path(), identity, index.columns, shard_of);
  const FileDigest digest = file_digest(file.temporary_path());
  file.commit();
  index.file.bytes = digest.bytes;
  index.file.xxh3_128 = digest.xxh3_128;
  index.fingerprint = fingerprint(index.columns);
  return index;
}

}  // namespace muster::data
