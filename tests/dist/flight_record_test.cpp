#include "dist/flight_record.hpp"

#include <csignal>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/atomic_file.hpp"
#include "core/error.hpp"
#include "dist/flight_verdict.hpp"
#include "support/temporary_folder.hpp"

namespace muster::dist {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

constexpr std::int64_t kSecond = 1'000'000'000;

// Its operations 1..begun, the last of which has ended or not.
RankRecord rank_at(int rank, std::uint64_t begun, bool ended, ProcessState process = ProcessState::kRunning) {
  RankRecord record{.rank = rank, .host = "n1", .pid = 100 + rank, .process = process, .phase = "step", .operations = {}};
  OperationLog log;
  log.label("blocks.3");
  for (std::uint64_t sequence = 1; sequence <= begun; ++sequence) {
    const std::int64_t began = static_cast<std::int64_t>(sequence) * kSecond;
    record.operations.push_back(
        {log.add(OperationKind::kAllReduce, ScalarType::kF32, 12, 0), began, sequence < begun || ended ? began + 1 : 0});
  }
  return record;
}

std::string verdict(std::vector<RankRecord> ranks, int world) {
  return name_furthest_behind({{.launch = "l", .run = "r", .host = "n1", .cause = "c", .ranks = std::move(ranks)}}, world, 60 * kSecond);
}

TEST(FlightRecord, NamesTheRankWithTheFewestOperations) {
  EXPECT_THAT(
      verdict({rank_at(0, 9, false), rank_at(1, 8, true), rank_at(2, 9, false)}, 3),
      AllOf(StartsWith("rank 1 on n1 (pid 101) is furthest behind: it ended operation 8, all_reduce of 12 F32 (blocks.3) 52.0 s ago"),
            HasSubstr("rank 0 on n1 (pid 100) began operation 9")));
  EXPECT_THAT(verdict({rank_at(0, 9, true), rank_at(1, 9, false)}, 2), StartsWith("rank 1 "));
  EXPECT_THAT(verdict({rank_at(0, 9, true), rank_at(1, 0, false)}, 2),
              HasSubstr("rank 1 on n1 (pid 101) is furthest behind: it has not begun"));
}

TEST(FlightRecord, NamesDeadRanksBeforeStoppedOnesBeforeSlowOnes) {
  EXPECT_THAT(verdict({rank_at(0, 1, true), rank_at(1, 9, false), rank_at(2, 9, false, ProcessState::kStopped)}, 3),
              StartsWith("rank 2 on n1 (pid 102) is stopped"));
  EXPECT_THAT(verdict({rank_at(0, 9, false, ProcessState::kStopped), rank_at(1, 9, false, ProcessState::kDead)}, 2),
              StartsWith("rank 1 on n1 (pid 101) is dead"));
}

TEST(FlightRecord, NamesTheNodeThatWroteNothingAndTheNetwork) {
  EXPECT_THAT(verdict({rank_at(0, 9, false)}, 2), StartsWith("rank 1 and its node wrote no record"));
  EXPECT_THAT(verdict({rank_at(0, 9, false), rank_at(1, 9, false)}, 2), AllOf(StartsWith("no rank is behind"), HasSubstr("network")));
}

TEST(FlightRecord, ReadsWhatItWroteOfThisLaunchAlone) {
  const testing_support::TemporaryFolder folder;
  const NodeRecord record{.launch = "now",
                          .run = "run \"7\"",
                          .node = 1,
                          .host = "n1",
                          .cause = "why",
                          .ranks = {rank_at(3, 70, false, ProcessState::kStopped)}};
  write_file_atomically(folder / "n1.json", to_json(record));
  NodeRecord older = record;
  older.launch = "before";
  write_file_atomically(folder / "n2.json", to_json(older));
  write_file_atomically(folder / "other.json", "{}");
  write_file_atomically(folder / "torn.json", to_json(record).substr(0, 200));
  const std::vector<NodeRecord> read = read_node_records(folder.path(), "now");
  ASSERT_EQ(read.size(), 1U);
  EXPECT_EQ(to_json(read[0]), to_json(record));
  EXPECT_EQ(read[0].ranks[0].process, ProcessState::kStopped);
  EXPECT_TRUE(read[0].ranks[0].operations[69].operation.same_order(record.ranks[0].operations[69].operation));
  EXPECT_THAT(report_json(read, "rank 3"), AllOf(HasSubstr("\"verdict\": \"rank 3\""), HasSubstr("\"stopped\"")));
  EXPECT_THROW(node_record_from_json("[]"), DataError);
}

TEST(Board, KeepsTheLastOperationsForTheNeighbours) {
  Board mine(board_name("test", std::to_string(getpid())), "run", 2);
  Board theirs(mine.name(), "run", 2);
  mine.remove_name();
  OperationLog log;
  log.label("a unit with a name that is too long");
  for (int i = 0; i < 100; ++i) {
    mine.slot(1).begin(log.add(OperationKind::kBroadcast, ScalarType::kU8, static_cast<std::uint64_t>(i), 1));
    if (i < 99) {
      mine.slot(1).end();
    }
  }
  const std::vector<RecordedOperation> seen = recorded_operations(theirs.slot(1));
  ASSERT_EQ(seen.size(), kRingOperations);
  EXPECT_EQ(seen.front().operation.sequence, 37U);
  EXPECT_EQ(seen.back().operation.sequence, 100U);
  EXPECT_EQ(seen.back().operation.count, 99U);
  EXPECT_STREQ(seen.back().operation.unit.data(), "a unit with a name that");
  EXPECT_EQ(seen.back().ended_ns, 0);
  EXPECT_GE(seen.front().ended_ns, seen.front().began_ns);
  EXPECT_TRUE(recorded_operations(theirs.slot(0)).empty());
}

// A child that waits for a signal. `shown` is its number in /proc.
struct Child {
  pid_t pid = 0;
  std::int64_t shown = 0;
};

Child start_child() {
  int ends[2];
  EXPECT_EQ(pipe(ends), 0);
  Child child{.pid = fork()};
  if (child.pid == 0) {
    const std::int64_t shown = shown_pid();
    if (write(ends[1], &shown, sizeof shown) == sizeof shown) {
      pause();
    }
    _exit(0);
  }
  EXPECT_EQ(read(ends[0], &child.shown, sizeof child.shown), static_cast<ssize_t>(sizeof child.shown));
  close(ends[0]);
  close(ends[1]);
  return child;
}

ProcessState state_after(std::int64_t child, std::uint64_t start, ProcessState wanted) {
  for (int i = 0; i < 200 && process_state(child, start) != wanted; ++i) {
    usleep(10'000);
  }
  return process_state(child, start);
}

TEST(ProcessState, TellsRunningStoppedAndDead) {
  const auto [pid, child] = start_child();
  const std::uint64_t start = process_start(child);
  EXPECT_NE(start, 0U);
  EXPECT_EQ(process_state(child, start), ProcessState::kRunning);
  EXPECT_EQ(process_state(child, start + 1), ProcessState::kDead);  // the number belongs to another process now
  kill(pid, SIGSTOP);
  EXPECT_EQ(state_after(child, start, ProcessState::kStopped), ProcessState::kStopped);
  kill(pid, SIGKILL);
  EXPECT_EQ(state_after(child, start, ProcessState::kDead), ProcessState::kDead);  // a zombie still
  waitpid(pid, nullptr, 0);
  EXPECT_EQ(process_state(child, start), ProcessState::kDead);
  EXPECT_EQ(process_state(child, 0), ProcessState::kRunning);  // of whom nothing was known
}

TEST(Board, OfDeadProcessesIsRemovedAtTheNextStart) {
  const auto [pid, child] = start_child();
  Board dead(board_name("dead", std::to_string(getpid())), "run", 2);
  Board alive(board_name("alive", std::to_string(getpid())), "run", 2);
  for (Board* board : {&dead, &alive}) {
    board->slot(1).process_start.store(process_start(child));
    board->slot(1).pid.store(child);
  }
  alive.slot(0).process_start.store(process_start(shown_pid()));
  alive.slot(0).pid.store(shown_pid());
  kill(pid, SIGKILL);
  waitpid(pid, nullptr, 0);
  EXPECT_GE(remove_stale_boards(), 1);
  EXPECT_FALSE(std::filesystem::exists("/dev/shm/" + dead.name()));
  EXPECT_TRUE(std::filesystem::exists("/dev/shm/" + alive.name()));
  alive.remove_name();
}

}  // namespace
}  // namespace muster::dist
