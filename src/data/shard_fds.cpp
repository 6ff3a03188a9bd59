#include "data/shard_fds.hpp"

#include <array>
#include <cerrno>
#include <optional>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/error.hpp"
#include "data/find_header.hpp"
#include "data/shard_format.hpp"

namespace muster::data {

bool read_fully(int fd, std::uint64_t offset, std::span<std::byte> bytes) noexcept {
  while (!bytes.empty()) {
    const ssize_t got = ::pread(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got <= 0) {
      errno = got == 0 ? 0 : errno;
      return false;
    }
    bytes = bytes.subspan(static_cast<std::size_t>(got));
    offset += static_cast<std::uint64_t>(got);
  }
  return true;
}

namespace {

bool header_at(int fd, std::uint64_t address, const PayloadHeader& expected) noexcept {
  std::array<std::byte, kPayloadHeaderBytes> bytes{};
  return read_fully(fd, address, bytes) && header_matches(bytes, expected);
}

OpenShard open_shard(const std::filesystem::path& path, const ManifestShard& shard, ReadWay way) {
  OpenShard open{.fd = UniqueFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC)), .payload_address = shard.payload_address, .mapping = {}};
  if (!open.fd) {
    throw DataError("cannot open shard {}: {}; copy it there, or pack again", path.string(), errno_text(errno));
  }
  const PayloadHeader expected{.uuid = uuid_from_hex(shard.uuid, path.string()), .payload_bytes = shard.payload_bytes};
  if (!header_at(open.fd.get(), open.payload_address, expected)) {
    const std::optional<std::uint64_t> moved = find_payload_header(open.fd.get(), expected);
    if (!moved) {
      throw DataError(
          "shard {}: the header of shard {} with {} bytes of payload, which the manifest wants, is nowhere in it; it is damaged, another "
          "shard, or was compressed: copy the original, or pack again",
          path.string(), shard.uuid, shard.payload_bytes);
    }
    open.payload_address = *moved;
  }
  const std::uint64_t end = open.payload_address + shard.payload_bytes;
  struct stat status {};
  if (::fstat(open.fd.get(), &status) != 0 || static_cast<std::uint64_t>(status.st_size) < end) {
    throw DataError("shard {} has {} bytes, but its payload ends at {}; it is truncated: copy it again", path.string(), status.st_size, end);
  }
  if (way == ReadWay::kMmap) {
    open.mapping = io::Mapping(open.fd.get(), end);
    if (open.mapping.bytes().empty()) {
      throw DataError("cannot map the {} bytes of shard {}: {}; raise the limit of virtual memory (ulimit -v), or give loader.shard_read=pread", end,
                      path.string(), errno_text(errno));
    }
  }
  return open;
}

}  // namespace

ShardFds::ShardFds(std::filesystem::path folder, std::vector<ManifestShard> shards, ReadWay way, std::size_t limit)
    : folder_(std::move(folder)), shards_(std::move(shards)), way_(way), limit_(limit) {
  check(limit_ > 0, "ShardFds: no open shard allowed");
}

std::shared_ptr<const OpenShard> ShardFds::get(std::uint32_t shard) {
  if (std::shared_ptr<const OpenShard> found = find(shard)) {
    return found;
  }
  // Outside the lock: a slow server, or the search for a header that was moved, keeps nobody from the other shards.
  const ManifestShard& wanted = shards_.at(shard);
  return keep(shard, std::make_shared<const OpenShard>(open_shard(folder_ / wanted.file, wanted, way_)));
}

std::shared_ptr<const OpenShard> ShardFds::find(std::uint32_t shard) {
  const std::lock_guard lock(mutex_);
  const auto found = open_.find(shard);
  if (found == open_.end()) {
    return nullptr;
  }
  ++counters_.hits;
  recent_.splice(recent_.begin(), recent_, found->second.place);
  return found->second.shard;
}

std::shared_ptr<const OpenShard> ShardFds::keep(std::uint32_t shard, std::shared_ptr<const OpenShard> opened) {
  std::shared_ptr<const OpenShard> oldest;  // closed after the lock is given back
  const std::lock_guard lock(mutex_);
  ++counters_.misses;
  if (const auto found = open_.find(shard); found != open_.end()) {
    oldest = std::exchange(opened, found->second.shard);
    return opened;
  }
  if (open_.size() >= limit_) {
    ++counters_.evictions;
    const auto last = open_.find(recent_.back());
    oldest = std::move(last->second.shard);
    open_.erase(last);
    recent_.pop_back();
  }
  recent_.push_front(shard);
  open_.emplace(shard, Entry{.shard = opened, .place = recent_.begin()});
  return opened;
}

void ShardFds::drop(std::uint32_t shard, const std::shared_ptr<const OpenShard>& stale) {
  const std::lock_guard lock(mutex_);
  if (const auto found = open_.find(shard); found != open_.end() && found->second.shard == stale) {
    recent_.erase(found->second.place);
    open_.erase(found);
  }
}

CacheCounters ShardFds::counters() const {
  const std::lock_guard lock(mutex_);
  return counters_;
}

}  // namespace muster::data
