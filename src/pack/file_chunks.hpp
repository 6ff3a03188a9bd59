// Source files that go through the threads together.
//
// A file of 1 KB is looked at in 20 us, and waking another thread takes as long: one that hands over every single file spends a fifth of its
// time on that. So small files are handed over by the dozen. Each is still a job of its own, which any thread may take.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace muster::pack {

inline constexpr std::size_t kChunkFiles = 32;
inline constexpr std::uint64_t kChunkBytes = std::uint64_t{1} << 20;  // what lies ready for the next step is bounded by this too

// The first of [next, end) that is not in the chunk that begins with `next`; at least one is. `bytes_of`: position -> size.
template <class BytesOf>
std::size_t chunk_end(std::size_t next, std::size_t end, BytesOf&& bytes_of) {
  const std::size_t most = std::min(end, next + kChunkFiles);
  std::uint64_t bytes = bytes_of(next);
  for (++next; next < most && bytes + bytes_of(next) <= kChunkBytes; ++next) {
    bytes += bytes_of(next);
  }
  return next;
}

}  // namespace muster::pack
