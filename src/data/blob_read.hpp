// One stored blob read and compared with its checksum, again where that failed, and counted.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "data/read_options.hpp"

namespace muster::data {

// Of one reader since it was made.
struct ReadCounters {
  std::uint64_t reads = 0;         // blobs handed out; a sample has one for its image and one for its mask
  std::uint64_t bytes = 0;         // of these
  std::uint64_t retries = 0;       // times that one had to be read again
  std::uint64_t crc_failures = 0;  // times that what was read had another checksum
  double seconds = 0.0;            // that threads spent reading and comparing, added up over threads
  // Of open shards: looks that found one, that had to open it, and shards closed to make room for another.
  std::uint64_t cache_hits = 0;
  std::uint64_t cache_misses = 0;
  std::uint64_t cache_evictions = 0;
  bool operator==(const ReadCounters&) const = default;
};

// Any number of threads.
class ReadStatistics {
 public:
  void add(std::uint64_t bytes, std::uint64_t nanoseconds) noexcept;
  void add_retry() noexcept { retries_.fetch_add(1, std::memory_order_relaxed); }
  void add_crc_failure() noexcept { crc_failures_.fetch_add(1, std::memory_order_relaxed); }
  ReadCounters counters() const noexcept;

 private:
  std::atomic<std::uint64_t> reads_{0}, bytes_{0}, retries_{0}, crc_failures_{0}, nanoseconds_{0};
};

// What is asked for, in the words of errors.
struct BlobPlace {
  const char* kind = "image";  // or "mask"
  std::uint32_t size = 0;      // bytes
  std::uint32_t crc32 = 0;
};

// Where the bytes come from.
class BlobSource {
 public:
  virtual ~BlobSource() = default;
  // Fills the span and tells the CRC-32 of what is in it now: "", or what was wrong.
  virtual std::string read(std::span<std::byte> bytes, std::uint32_t& crc32) = 0;
  // Before the next try, so that it does not end as the last one did: in an error of read(), or with another checksum.
  virtual void forget(bool read_failed) = 0;
};

// Reads until the bytes have the wanted CRC-32, at most once and then once after each wait, and leaves them in `blob`, whose memory is used
// again; a success after a failure is a warning in the log. Any thread. `name`: "train-00017.h5: sample 42 (a/b.jpg)", asked for only when
// it is needed. DataError that begins with it and says what was wrong at last.
void read_checked(const BlobPlace& place, BlobSource& source, const std::function<std::string()>& name, const RetryWaits& waits,
                  ReadStatistics& statistics, std::vector<std::byte>& blob);

}  // namespace muster::data
