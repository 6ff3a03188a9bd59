#include "dist/step_header.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <iterator>
#include <span>

#include "dist/pair_tree.hpp"

namespace muster::dist {
namespace {

// The lowest rank that is not of the most frequent opinion; -1 when there is one only.
int lowest_dissenter(const std::vector<std::uint64_t>& opinions) {
  const auto votes = [&](std::uint64_t opinion) { return std::ranges::count(opinions, opinion); };
  std::uint64_t most = opinions[0];
  for (const std::uint64_t opinion : opinions) {
    if (votes(opinion) > votes(most)) {
      most = opinion;
    }
  }
  const auto dissenter = std::ranges::find_if(opinions, [&](std::uint64_t opinion) { return opinion != most; });
  return dissenter == opinions.end() ? -1 : static_cast<int>(dissenter - opinions.begin());
}

}  // namespace

PendingHeader post_header(Communicator& communicator, const HeaderPost& post) {
  PendingHeader pending;
  pending.world_ = communicator.world();
  pending.sums_ = post.sums.size();
  const std::size_t width = 1 + post.sums.size() + post.maxima.size();
  pending.all_.resize(width * static_cast<std::size_t>(pending.world_));
  const std::span all(pending.all_);
  const std::span mine = all.subspan(width * static_cast<std::size_t>(communicator.rank()), width);
  constexpr auto kBits = [](double value) { return std::bit_cast<std::uint64_t>(value); };
  mine[0] = post.agree;
  const auto behind_sums = std::ranges::transform(post.sums, mine.begin() + 1, kBits).out;
  std::ranges::transform(post.maxima, behind_sums, kBits);
  pending.handle_ = communicator.all_gather(std::as_bytes(mine), std::as_writable_bytes(all));
  return pending;
}

Header PendingHeader::wait() {
  handle_.wait();
  const std::size_t width = all_.size() / static_cast<std::size_t>(world_);
  const auto column = [&](std::size_t index) {
    std::vector<std::uint64_t> bits;
    for (std::size_t at = index; at < all_.size(); at += width) {
      bits.push_back(all_[at]);
    }
    return bits;
  };
  Header header;
  for (std::size_t i = 1; i < width; ++i) {
    std::vector<double> values;
    std::ranges::transform(column(i), std::back_inserter(values), [](std::uint64_t bits) { return std::bit_cast<double>(bits); });
    if (i <= sums_) {
      header.sums.push_back(sum_in_pairs(values));
      continue;
    }
    const auto below = [](double a, double b) { return !std::isnan(a) && (std::isnan(b) || a < b); };
    const auto largest = std::max_element(values.begin(), values.end(), below);
    header.maxima.push_back(*largest);
    header.max_ranks.push_back(static_cast<int>(largest - values.begin()));
  }
  header.disagreeing_rank = lowest_dissenter(column(0));
  header.agreed = header.disagreeing_rank < 0;
  return header;
}

}  // namespace muster::dist
