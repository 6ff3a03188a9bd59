#include "pack/shard_rounds.hpp"

#include <algorithm>
#include <array>
#include <exception>

#include "core/error.hpp"

namespace muster::pack {
namespace {

// What the ranks tell each other after each round: sums over ranks, one exchange under way at a time.
class RoundBoard {
 public:
  explicit RoundBoard(Ranks& ranks) : ranks_(ranks) {}

  struct Totals {
    std::int64_t failed = 0;
    std::int64_t skipped = 0;
    std::int64_t files = 0;
    std::int64_t bytes = 0;
  };

  // Collective. Waits for the exchange before this one, whose totals known() then gives.
  void post(const Totals& mine) {
    wait();
    posted_ = mine;
    values_ = {mine.failed, mine.skipped, mine.files, mine.bytes};
    handle_ = ranks_.world().all_reduce(std::as_writable_bytes(std::span(values_)), ScalarType::kI64);
    pending_ = true;
  }
  void wait() {
    if (pending_) {
      handle_.wait();
      pending_ = false;
      known_ = {values_[0], values_[1], values_[2], values_[3]};
      mine_then_ = posted_;
    }
  }
  // Whether an exchange that has arrived tells of a failure; does not wait.
  bool heard_of_failure() const { return pending_ && handle_.done() && values_[0] > 0; }
  const Totals& known() const noexcept { return known_; }
  const Totals& mine_then() const noexcept { return mine_then_; }

 private:
  Ranks& ranks_;
  std::array<std::int64_t, 4> values_{};
  dist::Handle handle_;
  bool pending_ = false;
  Totals known_;
  Totals posted_;
  Totals mine_then_;
};

Amount amount_of(const RoundBoard::Totals& totals) {
  return {static_cast<std::uint64_t>(totals.files), static_cast<std::uint64_t>(totals.bytes)};
}

}  // namespace

std::vector<ShardResult> run_shards(const ShardJobs& jobs, Ranks& ranks, std::size_t most_skipped, PackProgress& progress) {
  const auto step = static_cast<std::size_t>(ranks.count());
  const auto rank = static_cast<std::size_t>(ranks.rank());
  RoundBoard board(ranks);
  RoundBoard::Totals mine;
  std::vector<ShardResult> results;
  std::exception_ptr error;
  std::size_t failed_shard = 0;
  const auto leave_when_others_fail = [&] {
    if (board.heard_of_failure()) {
      throw PeerFailed("another rank failed");
    }
  };
  for (std::size_t round = 0; round * step < jobs.count(); ++round) {
    const std::size_t number = round * step + rank;
    try {
      if (!error && number < jobs.count()) {  // after an error this rank keeps the others company until they have heard of it
        results.push_back(jobs.run(number, leave_when_others_fail));
        mine.skipped += static_cast<std::int64_t>(results.back().skipped.size());
      }
    } catch (...) {
      if (step == 1) {
        throw;
      }
      error = std::current_exception();
      failed_shard = number;
      mine.failed = 1;
    }
    const Amount done = progress.mine();
    mine.files = static_cast<std::int64_t>(done.files);
    mine.bytes = static_cast<std::int64_t>(done.bytes);
    board.post(mine);
    // What was known before this round's answer is the same on all ranks: all of them leave, or none.
    progress.all_ranks(amount_of(board.known()), amount_of(board.mine_then()));
    if (board.known().failed > 0 || board.known().skipped > static_cast<std::int64_t>(most_skipped)) {
      break;
    }
  }
  board.wait();
  const auto own = [&] {
    if (error) {
      std::rethrow_exception(error);
    }
    WireWriter wire;
    for (const ShardResult& result : results) {
      put(wire, result);
    }
    return wire.take();
  };
  std::vector<ShardResult> all(jobs.count());
  std::vector<std::string> parts = ranks.gather(own, failed_shard);
  std::size_t most = 0;
  for (std::size_t from = 0; from < parts.size(); ++from) {
    WireReader wire(parts[from]);
    for (std::size_t number = from; !wire.done(); number += step) {
      all[number] = shard_result_from(wire);
      most = std::max(most, number + 1);
    }
  }
  all.resize(most);
  return all;
}

}  // namespace muster::pack
