// How shards are read. What is read is the same in any way.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <string>

#include "core/error.hpp"

namespace muster::data {

// How long to wait before each further try: a network file system may fail for a moment.
using RetryWaits = std::array<std::chrono::milliseconds, 3>;
inline constexpr RetryWaits kRetryWaits = {std::chrono::milliseconds(1), std::chrono::milliseconds(10), std::chrono::milliseconds(100)};

enum class ReadWay : std::uint8_t {
  kPread,
  kMmap,  // copied out of a mapping of the shard: what pread costs in the kernel is saved where the page cache holds the bytes
};

struct ReadOptions {
  ReadWay way = ReadWay::kPread;
  RetryWaits waits = kRetryWaits;
};

inline ReadWay read_way_from_name(const std::string& name) {
  if (name != "pread" && name != "mmap") {
    throw ConfigError("loader.shard_read={}: wanted pread or mmap", name);
  }
  return name == "mmap" ? ReadWay::kMmap : ReadWay::kPread;
}

}  // namespace muster::data
