#include "dist/host_collectives.hpp"

#include <algorithm>
#include <cstring>

#include "core/error.hpp"
#include "dist/pair_tree.hpp"

namespace muster::dist {
namespace {

constexpr std::size_t kSmallBytes = 4096;  // up to here every rank gets all values and adds by itself: one exchange, not two
constexpr std::size_t kPieceBytes =
    1 << 18;  // of one rank's slice in one exchange of a reduction: what is added is still in the second-level cache
constexpr std::size_t kScratchBytes = 1 << 26;  // the pieces of all peers together; with many ranks the pieces get smaller

}  // namespace

void HostCollectives::exchange(const Operation& operation) {
  transport_.exchange(operation, sends_, receives_);
  sends_.clear();
  receives_.clear();
}

void HostCollectives::all_reduce(const Operation& operation, std::span<std::byte> values) {
  if (values.size() <= kSmallBytes) {
    const std::size_t size = values.size();
    scratch_.resize(std::max(scratch_.size(), size * static_cast<std::size_t>(world_)));
    std::vector<const std::byte*> inputs;
    for (int rank = 0; rank < world_; ++rank) {
      std::byte* const slot = scratch_.data() + static_cast<std::size_t>(rank) * size;
      inputs.push_back(rank == rank_ ? values.data() : slot);
      if (rank != rank_) {
        sends_.push_back({rank, values});
        receives_.push_back({rank, {slot, size}});
      }
    }
    exchange(operation);
    sum_in_pairs(inputs, values.data(), operation.count, operation.type());
    return;
  }
  const std::size_t element = scalar_bytes(operation.type());
  const std::size_t chunk = (operation.count + static_cast<std::size_t>(world_) - 1) / static_cast<std::size_t>(world_) * element;
  const Cut cut = [&](int rank) {  // the last ones may be short or empty
    const std::size_t begin = std::min(static_cast<std::size_t>(rank) * chunk, values.size());
    return Slice{begin, std::min(chunk, values.size() - begin)};
  };
  reduce_slices(operation, values, cut, values.data() + cut(rank_).begin);
  gather_slices(operation, values, cut);
}

void HostCollectives::reduce_scatter(const Operation& operation, std::span<const std::byte> values, std::span<std::byte> chunk) {
  reduce_slices(
      operation, values,
      [&](int rank) {
        return Slice{static_cast<std::size_t>(rank) * chunk.size(), chunk.size()};
      },
      chunk.data());
}

void HostCollectives::all_gather(const Operation& operation, std::span<const std::byte> mine, std::span<std::byte> all) {
  std::byte* const own = all.data() + static_cast<std::size_t>(rank_) * mine.size();
  if (own != mine.data() && !mine.empty()) {
    std::memcpy(own, mine.data(), mine.size());
  }
  gather_slices(operation, all, [&](int rank) { return Slice{static_cast<std::size_t>(rank) * mine.size(), mine.size()}; });
}

// Down a binomial tree: counted from the root, rank v hears from v without its lowest bit and tells v + 1, v + 2, v + 4, ... below it.
void HostCollectives::broadcast(const Operation& operation, std::span<std::byte> bytes) {
  const int from_root = (rank_ - operation.root + world_) % world_;
  const auto actual = [&](int distance) { return (distance + operation.root) % world_; };
  int reach = 1;
  while (reach < world_ && (from_root & reach) == 0) {
    reach *= 2;
  }
  if (from_root != 0) {
    receives_.push_back({actual(from_root - reach), bytes});
    exchange(operation);
  }
  for (int step = reach / 2; step > 0; step /= 2) {
    if (from_root + step < world_) {
      sends_.push_back({actual(from_root + step), bytes});
    }
  }
  exchange(operation);
}

// After round k everybody has heard, through others, of 2^(k+1) ranks.
void HostCollectives::barrier(const Operation& operation) {
  for (int distance = 1; distance < world_; distance *= 2) {
    sends_.push_back({(rank_ + distance) % world_, {}});
    receives_.push_back({(rank_ - distance + world_) % world_, {}});
    exchange(operation);
  }
}

void HostCollectives::reduce_slices(const Operation& operation, std::span<const std::byte> values, const Cut& cut, std::byte* sum) {
  const std::size_t element = scalar_bytes(operation.type());
  const auto peers = static_cast<std::size_t>(world_ - 1);
  const std::size_t piece = std::max(kPieceBytes / 16, std::min(kPieceBytes, kScratchBytes / std::max<std::size_t>(peers, 1))) / 64 * 64;
  const Slice own = cut(rank_);
  std::size_t longest = 0;
  for (int rank = 0; rank < world_; ++rank) {
    longest = std::max(longest, cut(rank).size);
  }
  scratch_.resize(std::max(scratch_.size(), std::min(piece, own.size) * peers));
  std::vector<const std::byte*> inputs(static_cast<std::size_t>(world_));
  // An empty slice sends its first, empty piece all the same: every message is a chance to see a wrong order.
  for (std::size_t at = 0; at == 0 || at < longest; at += piece) {
    const auto part = [&](const Slice& slice) {
      const std::size_t begin = std::min(at, slice.size);
      return Slice{slice.begin + begin, std::min(piece, slice.size - begin)};
    };
    const Slice mine = part(own);
    std::byte* slot = scratch_.data();
    for (int rank = 0; rank < world_; ++rank) {
      std::byte const*& input = inputs[static_cast<std::size_t>(rank)];
      if (rank == rank_) {
        input = values.data() + mine.begin;
        continue;
      }
      if (const Slice theirs = part(cut(rank)); theirs.size > 0 || at == 0) {
        sends_.push_back({rank, values.subspan(theirs.begin, theirs.size)});
      }
      if (mine.size > 0 || at == 0) {
        receives_.push_back({rank, {slot, mine.size}});
      }
      input = slot;
      slot += mine.size;
    }
    exchange(operation);
    sum_in_pairs(inputs, sum + (mine.begin - own.begin), mine.size / element, operation.type());
  }
}

void HostCollectives::gather_slices(const Operation& operation, std::span<std::byte> values, const Cut& cut) {
  const Slice mine = cut(rank_);
  for (int rank = 0; rank < world_; ++rank) {
    if (rank != rank_) {
      const Slice theirs = cut(rank);
      sends_.push_back({rank, values.subspan(mine.begin, mine.size)});
      receives_.push_back({rank, values.subspan(theirs.begin, theirs.size)});
    }
  }
  exchange(operation);
}

}  // namespace muster::dist
