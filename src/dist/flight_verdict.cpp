#include "dist/flight_verdict.hpp"

#include <algorithm>
#include <optional>
#include <set>

#include <fmt/format.h>

namespace muster::dist {
namespace {

// A rank that has begun its k-th operation is at 2 k - 1, one that has ended it at 2 k.
std::uint64_t progress(const RankRecord& rank) {
  if (rank.operations.empty()) {
    return 0;
  }
  const RecordedOperation& last = rank.operations.back();
  return 2 * last.operation.sequence - (last.ended_ns == 0 ? 1 : 0);
}

std::string doing(const RankRecord& rank, std::int64_t now_ns) {
  if (rank.operations.empty()) {
    return "has not begun any operation";
  }
  const RecordedOperation& last = rank.operations.back();
  const auto seconds_ago = [&](std::int64_t time_ns) { return static_cast<double>(std::max<std::int64_t>(now_ns - time_ns, 0)) * 1e-9; };
  return last.ended_ns == 0 ? fmt::format("began {} {:.1f} s ago and is in it", describe(last.operation), seconds_ago(last.began_ns))
                            : fmt::format("ended {} {:.1f} s ago", describe(last.operation), seconds_ago(last.ended_ns));
}

const RankRecord* lowest_of(const std::vector<const RankRecord*>& ranks, ProcessState state) {
  const auto found = std::ranges::find_if(ranks, [&](const RankRecord* rank) { return rank->process == state; });
  return found == ranks.end() ? nullptr : *found;
}

std::optional<int> lowest_unrecorded(const std::vector<const RankRecord*>& ranks, int world) {
  std::set<int> recorded;
  for (const RankRecord* rank : ranks) {
    recorded.insert(rank->rank);
  }
  for (int rank = 0; rank < world; ++rank) {
    if (!recorded.contains(rank)) {
      return rank;
    }
  }
  return std::nullopt;
}

}  // namespace

std::string name_furthest_behind(const std::vector<NodeRecord>& records, int world, std::int64_t now_ns) {
  std::vector<const RankRecord*> ranks;
  for (const NodeRecord& record : records) {
    for (const RankRecord& rank : record.ranks) {
      ranks.push_back(&rank);
    }
  }
  std::ranges::sort(ranks, {}, [](const RankRecord* rank) { return rank->rank; });
  const auto name = [](const RankRecord& rank) { return fmt::format("rank {} on {} (pid {})", rank.rank, rank.host, rank.pid); };
  if (const RankRecord* dead = lowest_of(ranks, ProcessState::kDead)) {
    return fmt::format("{} is dead: it {}", name(*dead), doing(*dead, now_ns));
  }
  if (const RankRecord* stopped = lowest_of(ranks, ProcessState::kStopped)) {
    return fmt::format("{} is stopped (signal STOP or a debugger): it {}", name(*stopped), doing(*stopped, now_ns));
  }
  if (const std::optional<int> missing = lowest_unrecorded(ranks, world)) {
    return fmt::format("rank {} and its node wrote no record: the node or the network to it is down", *missing);
  }
  const auto of_rank = [](const RankRecord* rank) { return progress(*rank); };
  const auto behind = std::ranges::min_element(ranks, {}, of_rank);
  const auto ahead = std::ranges::max_element(ranks, {}, of_rank);
  if (progress(**behind) == progress(**ahead)) {
    return fmt::format("no rank is behind the others; {} {}: the network between them does not deliver", name(**behind),
                       doing(**behind, now_ns));
  }
  return fmt::format("{} is furthest behind: it {}; {} {}", name(**behind), doing(**behind, now_ns), name(**ahead), doing(**ahead, now_ns));
}

}  // namespace muster::dist
