// Open shards, by number: found again without opening them twice, and never more than a limit at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <list>
#include <memory>
#include <mutex>
#include <span>
#include <unordered_map>
#include <vector>

#include "core/atomic_file.hpp"
#include "data/manifest.hpp"
#include "data/read_options.hpp"
#include "io/mapping.hpp"

namespace muster::data {

// A shard whose header has been seen to be that of the manifest.
struct OpenShard {
  UniqueFd fd;
  std::uint64_t payload_address = 0;
  io::Mapping mapping;  // from the file's beginning to the payload's end; empty unless asked for
};

// Fills `bytes` from `offset` of the file, through short reads and signals. False with errno, or with errno = 0 at the end of the file.
bool read_fully(int fd, std::uint64_t offset, std::span<std::byte> bytes) noexcept;

// Since the cache was made.
struct CacheCounters {
  std::uint64_t hits = 0;
  std::uint64_t misses = 0;     // times that a shard was opened
  std::uint64_t evictions = 0;  // shards that made room for another
};

// Safe from any thread. A shard that falls out of the cache is closed when its last reader lets go of it.
class ShardFds {
 public:
  ShardFds(std::filesystem::path folder, std::vector<ManifestShard> shards, ReadWay way = ReadWay::kPread, std::size_t limit = 512);

  // Opens at first use. Where the recorded address does not lead to the shard's header (h5repack moves it), the file is searched
  // for it; HDF5 never sees a shard here. DataError naming the file when it is missing, truncated, another shard, or cannot be mapped.
  // Others are found meanwhile; two threads that miss the same shard both open it, and the first one's stays.
  std::shared_ptr<const OpenShard> get(std::uint32_t shard);
  // The next get() opens it anew, unless somebody else has done so since `stale` was got.
  void drop(std::uint32_t shard, const std::shared_ptr<const OpenShard>& stale);
  CacheCounters counters() const;

 private:
  std::shared_ptr<const OpenShard> find(std::uint32_t shard);
  std::shared_ptr<const OpenShard> keep(std::uint32_t shard, std::shared_ptr<const OpenShard> opened);

  std::filesystem::path folder_;
  std::vector<ManifestShard> shards_;
  ReadWay way_;
  std::size_t limit_;
  mutable std::mutex mutex_;  // of all below
  CacheCounters counters_;
  std::list<std::uint32_t> recent_;  // newest first
  struct Entry {
    std::shared_ptr<const OpenShard> shard;
    std::list<std::uint32_t>::iterator place;
  };
  std::unordered_map<std::uint32_t, Entry> open_;
};

}  // namespace muster::data
