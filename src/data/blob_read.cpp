#include "data/blob_read.hpp"

#include <cerrno>
#include <chrono>

#include <spdlog/spdlog.h>

#include "core/error.hpp"
#include "core/hash.hpp"

namespace muster::data {

void ReadStatistics::add(std::uint64_t bytes, std::uint64_t nanoseconds) noexcept {
  reads_.fetch_add(1, std::memory_order_relaxed);
  bytes_.fetch_add(bytes, std::memory_order_relaxed);
  nanoseconds_.fetch_add(nanoseconds, std::memory_order_relaxed);
}

ReadCounters ReadStatistics::counters() const noexcept {
  return {.reads = reads_.load(std::memory_order_relaxed),
          .bytes = bytes_.load(std::memory_order_relaxed),
          .retries = retries_.load(std::memory_order_relaxed),
          .crc_failures = crc_failures_.load(std::memory_order_relaxed),
          .seconds = 1e-9 * static_cast<double>(nanoseconds_.load(std::memory_order_relaxed))};
}

void read_checked(const BlobPlace& place, const ReadBlob& read, const std::function<std::string()>& name, ReadStatistics& statistics,
                  std::vector<std::byte>& blob) {
  using Clock = std::chrono::steady_clock;
  const auto start = Clock::now();
  blob.resize(place.size);
  std::string problem;
  for (int attempt = 0; attempt < kReadTries; ++attempt) {
    if (attempt > 0) {
      statistics.add_retry();
    }
    if (!read(blob)) {
      problem = errno == 0 ? "the file ends before it" : errno_text(errno);
    } else if (const std::uint32_t found = crc32_of(blob); found != place.crc32) {
      statistics.add_crc_failure();
      problem = fmt::format("its CRC-32 is {:08x}, wanted {:08x}", found, place.crc32);
    } else {
      const auto elapsed = std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - start);
      statistics.add(blob.size(), static_cast<std::uint64_t>(elapsed.count()));
      if (attempt > 0) {
        spdlog::warn("{}: the {} was read well the {} time; before, {}", name(), place.kind, attempt == 1 ? "second" : "third", problem);
      }
      return;
    }
  }
  throw DataError("{}: the {} of {} bytes cannot be used: {}; repack this shard, or copy it again", name(), place.kind, place.size,
                  problem);
}

}  // namespace muster::data
