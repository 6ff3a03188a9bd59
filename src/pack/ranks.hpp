// The ranks that pack together: work that is shared out, and errors that come on all of them alike.
//
// Each function is collective. A rank whose work throws tells the others in the place of its result, so that all of them throw the same
// error there, and none is left waiting: not even those that have come to another of these calls in the meantime.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "core/error.hpp"
#include "dist/communicator.hpp"

namespace muster::pack {

// SIGTERM or SIGUSR2 arrived: exit 75, the same command goes on behind the finished shards.
using PackStopped = KindOfError<ExitCode::kComeBack, 2>;
// Another rank has failed, and this one left its work: never what the job ends with.
using PeerFailed = KindOfError<ExitCode::kComeBack, 3>;

class Ranks {
 public:
  explicit Ranks(dist::Communicator& world) : world_(world) {}

  int rank() const noexcept { return world_.rank(); }
  int count() const noexcept { return world_.world(); }
  bool is_first() const noexcept { return rank() == 0; }
  dist::Communicator& world() noexcept { return world_; }
  // This rank's part [begin, end) of `items`.
  std::pair<std::size_t, std::size_t> part(std::size_t items) const noexcept;

  // The texts that `work` gives on each rank, by rank. When it throws, all ranks throw the error with the lowest `place` (a stop
  // signal only when there is no other error), then the lowest rank.
  std::vector<std::string> gather(const std::function<std::string()>& work, std::uint64_t place = 0);
  // The text that `work` gives on rank 0, which alone calls it.
  std::string from_first(const std::function<std::string()>& work);
  // What every rank does alike; `work` may hold such calls itself.
  void together(const std::function<void()>& work);

 private:
  std::vector<std::string> exchange(std::string mine);

  dist::Communicator& world_;
  bool agreed_ = false;  // an error that all ranks know is on its way up
};

}  // namespace muster::pack
