// A blob in a shard of the cache, as read_checked() takes it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "data/blob_read.hpp"
#include "data/shard_fds.hpp"

namespace muster::data {

class ShardBlob final : public BlobSource {
 public:
  // `offset` and `size` within the payload of shard number `shard`. DataError where that cannot be opened.
  ShardBlob(ShardFds& fds, std::uint32_t shard, std::uint64_t offset, std::uint32_t size);

  // Through the shard's mapping where it has one, at first; after forget() and where a page cannot be had, with pread, which knows why.
  std::string read(std::span<std::byte> bytes, std::uint32_t& crc32) override;
  // Drops the pages, so that they come from the disk or the server again, and after an error the open file too: on a network file system
  // it may have gone stale for good.
  void forget(bool read_failed) override;

 private:
  ShardFds& fds_;
  std::uint32_t shard_;
  std::uint64_t offset_;
  std::uint32_t size_;
  std::shared_ptr<const OpenShard> open_;  // null: to be opened again
  bool first_try_ = true;
};

}  // namespace muster::data
