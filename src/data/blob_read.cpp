#include "data/blob_read.hpp"

#include <chrono>
#include <thread>
#include <tuple>
#include <utility>

#include <spdlog/spdlog.h>

#include "core/error.hpp"

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

void read_checked(const BlobPlace& place, BlobSource& source, const std::function<std::string()>& name, const RetryWaits& waits,
                  ReadStatistics& statistics, std::vector<std::byte>& blob) {
  using Clock = std::chrono::steady_clock;
  constexpr std::array kTries = {"first", "second", "third", "fourth"};
  static_assert(kTries.size() == std::tuple_size_v<RetryWaits> + 1);
  const auto start = Clock::now();
  blob.resize(place.size);
  std::string before;  // what was wrong with the last try
  for (std::size_t attempt = 0; attempt < kTries.size(); ++attempt) {
    std::uint32_t found = 0;
    std::string problem = source.read(blob, found);
    const bool read_failed = !problem.empty();
    if (!read_failed) {
      if (found == place.crc32) {
        const auto elapsed = std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - start);
        statistics.add(blob.size(), static_cast<std::uint64_t>(elapsed.count()));
        if (attempt > 0) {
          spdlog::warn("{}: the {} was read well the {} time; before, {}", name(), place.kind, kTries[attempt], before);
        }
        return;
      }
      statistics.add_crc_failure();
      problem = fmt::format("its CRC-32 is {:08x}, wanted {:08x}", found, place.crc32);
    }
    before = std::move(problem);
    if (attempt < waits.size()) {
      statistics.add_retry();
      source.forget(read_failed);
      std::this_thread::sleep_for(waits[attempt]);
    }
  }
  throw DataError("{}: the {} of {} bytes cannot be used: {}; repack this shard, or copy it again", name(), place.kind, place.size, before);
}

}  // namespace muster::data
