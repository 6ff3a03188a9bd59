// What the ranks of one node do, in shared memory that each can read when another is stopped or dead.
//
// All words are lock-free atomics. A reader may see an operation half written; it is for people, not for decisions.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <boost/interprocess/mapped_region.hpp>

#include "dist/operation.hpp"

namespace muster::dist {

inline constexpr std::size_t kRingOperations = 64;

// Times are nanoseconds since 1970, so that those of several nodes can be laid side by side.
std::int64_t wall_clock_ns() noexcept;

// One operation of a ring. `ended_ns` = 0 while it is under way.
struct BoardOperation {
  std::atomic<std::uint64_t> sequence, count, kind_and_type;
  std::array<std::atomic<std::uint64_t>, 3> unit;
  std::atomic<std::int64_t> began_ns, ended_ns;
};

// One rank. Written by that rank alone; zero = nothing yet.
struct BoardSlot {
  std::atomic<std::int64_t> pid;
  std::atomic<std::uint64_t> process_start;
  std::atomic<std::int32_t> rank, phase;
  std::atomic<std::int32_t> left;    // 1: has closed its watchdog; its end is no alarm
  std::atomic<std::uint64_t> begun;  // operations so far; the last is ring[(begun - 1) % 64]
  std::array<BoardOperation, kRingOperations> ring;

  void begin(const Operation& operation) noexcept;
  void end() noexcept;
};

struct RecordedOperation {
  Operation operation;
  std::int64_t began_ns = 0;
  std::int64_t ended_ns = 0;
};
// The ring, oldest first.
std::vector<RecordedOperation> recorded_operations(const BoardSlot& slot);

class Board {
 public:
  // Makes or joins the board `name` of `ranks` slots. The ranks of a node give the same values. Throws OutputError.
  Board(std::string name, std::string_view run_id, int ranks);

  BoardSlot& slot(int local_rank) noexcept { return slots_[local_rank]; }
  int ranks() const noexcept { return ranks_; }
  // Of the node: 0 while all is well; else 1 + the rank that writes the record; then kWritten once the node may leave.
  static constexpr std::int32_t kWritten = -1;
  std::atomic<std::int32_t>& alarm() noexcept { return header_->alarm; }

  // Takes the name away: who has joined keeps the memory, which ends with the last of them, however they end.
  void remove_name() noexcept;
  const std::string& name() const noexcept { return name_; }

 private:
  friend int remove_stale_boards();
  struct Header {
    std::atomic<std::int32_t> ranks, alarm;
    std::array<char, 120> run_id;
  };
  std::string name_;
  int ranks_;
  boost::interprocess::mapped_region region_;
  Header* header_;
  BoardSlot* slots_;
};

// "muster-board.<uid>.<launch>.<host>", as it stands in /dev/shm.
std::string board_name(std::string_view launch, std::string_view host);

// Removes boards of this user whose processes are all dead: a job that was killed before its ranks had joined leaves one behind.
// Returns how many.
int remove_stale_boards();

}  // namespace muster::dist
