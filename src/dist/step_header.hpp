// The one small exchange of a step, from which every rank reads the same decisions (CONTRACTS 3).
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "dist/communicator.hpp"

namespace muster::dist {

// What one rank says. The sizes are the same on all ranks.
struct HeaderPost {
  std::vector<double> sums;
  std::vector<double> maxima;
  std::uint64_t agree = 0;  // must be equal on all ranks: a hash of the collective log, of the recipe, ...
};

// What all ranks read, the same bits on each.
struct Header {
  std::vector<double> sums;    // over ranks, in the pair tree of CONTRACTS 5
  std::vector<double> maxima;  // NaN where any rank gave NaN
  std::vector<int> max_ranks;  // the lowest rank that has each maximum
  bool agreed = true;
  int disagreeing_rank = -1;  // the lowest rank whose `agree` is not the most frequent one (of equally frequent ones: rank 0's, ...)
};

// A header under way: wait() once, from the thread that posted it.
class PendingHeader {
 public:
  PendingHeader(PendingHeader&&) noexcept = default;
  PendingHeader& operator=(PendingHeader&&) noexcept = default;

  Header wait();

 private:
  friend PendingHeader post_header(Communicator&, const HeaderPost&);
  PendingHeader() = default;

  int world_ = 1;
  std::size_t sums_ = 0;
  std::vector<std::uint64_t> all_;  // per rank: agree, then the bits of sums and maxima
  Handle handle_;
};

// Collective: one all-gather. Returns at once.
PendingHeader post_header(Communicator& communicator, const HeaderPost& post);

}  // namespace muster::dist
