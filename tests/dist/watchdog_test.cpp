// The watchdog over thread ranks: what it does to processes is tested under mpirun, in tests/ranks.
#include "dist/watchdog.hpp"

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/atomic_file.hpp"
#include "core/error.hpp"
#include "dist/flight_record.hpp"
#include "dist/thread_ranks.hpp"
#include "support/temporary_folder.hpp"

namespace muster::dist {
namespace {

using testing::HasSubstr;
using testing_support::TemporaryFolder;

LaunchEnvironment node_of(const Communicator& communicator) {
  return {.rank = communicator.rank(),
          .world = communicator.world(),
          .local_rank = communicator.rank(),
          .local_world = communicator.world(),
          .host = "here",
          .notice = {}};
}

void pause(double seconds) {
  std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
}

// Steps of one collective, before each of which another rank pauses for 0.9 of the deadline. Returns how many alarms there were.
int alarms_of(int steps, double deadline) {
  const TemporaryFolder folder;
  std::atomic<int> alarms = 0;
  run_thread_ranks(3, [&](Communicator& communicator) {
    Watchdog watchdog(communicator, node_of(communicator), folder / "flight", "run", {deadline, deadline, deadline}, [&] { ++alarms; });
    watchdog.phase(Phase::kStep);
    for (int step = 0; step < steps; ++step) {
      if (step % communicator.world() == communicator.rank()) {
        pause(0.9 * deadline);
      }
      communicator.barrier().wait();
    }
  });
  EXPECT_EQ(std::filesystem::exists(folder / "flight"), alarms > 0);
  return alarms;
}

TEST(Watchdog, RaisesNoAlarmWhenRanksPauseNineTenthsOfTheDeadline) {
  EXPECT_EQ(alarms_of(6, 1.0), 0);
  // MUSTER_WATCHDOG_STEPS=1000 is the long form, three minutes.
  const char* steps = std::getenv("MUSTER_WATCHDOG_STEPS");
  EXPECT_EQ(alarms_of(steps == nullptr ? 0 : std::atoi(steps), 0.2), 0);
}

TEST(Watchdog, NamesTheRankThatDoesNotComeAndAllLeave) {
  const TemporaryFolder folder;
  std::atomic<int> left = 0;
  run_thread_ranks(3, [&](Communicator& communicator) {
    Watchdog watchdog(communicator, node_of(communicator), folder / "flight", "run 7", {30, 0.3, 30}, [&] { ++left; });
    communicator.label("blocks.3");
    communicator.barrier().wait();
    watchdog.phase(Phase::kStep);
    std::vector<double> values(12);
    if (communicator.rank() == 1) {
      for (int i = 0; i < 500 && left < 3; ++i) {  // until all have left, which processes would do here
        pause(0.02);
      }
    }
    communicator.all_reduce(std::as_writable_bytes(std::span(values)), ScalarType::kF64).wait();
  });
  EXPECT_EQ(left, 3);
  const std::string report = read_file(folder / "flight/report.json");
  EXPECT_THAT(report, HasSubstr("rank 1 on here"));
  EXPECT_THAT(report, HasSubstr("is furthest behind: it ended operation"));
  EXPECT_THAT(report, HasSubstr("barrier (blocks.3)"));
  EXPECT_THAT(report, HasSubstr("all_reduce of 12 F64 (blocks.3)"));
  EXPECT_THAT(report, HasSubstr("longer than 0.3 s (parallel.timeout_s.step)"));
  const NodeRecord node = node_record_from_json(read_file(folder / "flight/here.json"));
  EXPECT_EQ(node.run, "run 7");
  ASSERT_EQ(node.ranks.size(), 3U);
  EXPECT_EQ(node.ranks[1].operations.back().operation.kind, OperationKind::kBarrier);
  EXPECT_EQ(node.ranks[2].operations.back().ended_ns, 0);
}

TEST(Watchdog, WaitsAsLongAsItsPhaseAllows) {
  const TemporaryFolder folder;
  std::atomic<int> left = 0;
  run_thread_ranks(2, [&](Communicator& communicator) {
    Watchdog watchdog(communicator, node_of(communicator), folder / "flight", "run", {0.2, 0.2, 30}, [&] { ++left; });
    watchdog.phase(Phase::kCheckpoint);
    if (communicator.rank() == 0) {
      pause(0.6);
    }
    communicator.barrier().wait();
  });
  EXPECT_EQ(left, 0);
}

TEST(Watchdog, OfOneRankDoesNothing) {
  const TemporaryFolder folder;
  const auto solo = make_solo_communicator();
  Watchdog watchdog(*solo, {.notice = {}}, folder / "flight", "run", {0.01, 0.01, 0.01}, [] { ADD_FAILURE() << "left"; });
  watchdog.phase(Phase::kStep);
  pause(0.1);
  EXPECT_FALSE(std::filesystem::exists(folder / "flight"));
}

TEST(Watchdog, LeavesNoBoardBehind) {
  const TemporaryFolder folder;
  run_thread_ranks(2, [&](Communicator& communicator) {
    const Watchdog watchdog(communicator, node_of(communicator), folder / "flight", "run", {});
    communicator.barrier().wait();
  });
  for (const auto& file : std::filesystem::directory_iterator("/dev/shm")) {
    EXPECT_THAT(file.path().filename().string(), testing::Not(testing::AllOf(HasSubstr("muster-board"), testing::EndsWith(".here"))));
  }
}

}  // namespace
}  // namespace muster::dist
