// One stored blob read and compared with its checksum, again where that failed, and counted.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace muster::data {

inline constexpr int kReadTries = 3;  // a network file system may fail once

// Of one reader since it was made.
struct ReadCounters {
  std::uint64_t reads = 0;         // blobs handed out; a sample has one for its image and one for its mask
  std::uint64_t bytes = 0;         // of these
  std::uint64_t retries = 0;       // times that one had to be read again
  std::uint64_t crc_failures = 0;  // times that what was read had another checksum
  double seconds = 0.0;            // that threads spent reading and comparing, added up over threads
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
// Fills the span: true, or false with errno (0 at the end of the file).
using ReadBlob = std::function<bool(std::span<std::byte>)>;

// Calls `read` until the bytes have the wanted CRC-32, at most kReadTries times, and leaves them in `blob`, whose memory is used again; a
// success after a failure is a warning in the log. Any thread. `name`: "train-00017.h5: sample 42 (a/b.jpg)", asked for only when it is
// needed. DataError that begins with it and says what was wrong at last.
void read_checked(const BlobPlace& place, const ReadBlob& read, const std::function<std::string()>& name, ReadStatistics& statistics,
                  std::vector<std::byte>& blob);

}  // namespace muster::data
