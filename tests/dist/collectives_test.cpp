#include <mutex>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "dist/collective_battery.hpp"
#include "dist/thread_ranks.hpp"

namespace muster::dist {
namespace {

using testing_support::BatteryResult;
using testing_support::run_collective_battery;

TEST(Collectives, EqualPlainLoopsOnOneToFiveThreadRanks) {
  for (int world = 1; world <= 5; ++world) {
    run_thread_ranks(world, [](Communicator& communicator) {
      for (const std::string& fault : run_collective_battery(communicator).faults) {
        ADD_FAILURE() << fault;
      }
    });
  }
}

TEST(Collectives, GiveTheSameBitsEachTime) {
  std::mutex mutex;
  std::vector<std::set<std::uint64_t>> digests(3);
  for (int repeat = 0; repeat < 2; ++repeat) {
    run_thread_ranks(3, [&](Communicator& communicator) {
      const BatteryResult result = run_collective_battery(communicator);
      const std::lock_guard lock(mutex);
      digests[static_cast<std::size_t>(communicator.rank())].insert(result.digest);
    });
  }
  for (const auto& of_rank : digests) {
    EXPECT_EQ(of_rank.size(), 1U);
  }
}

TEST(Collectives, OfTheSoloCommunicatorAreCopies) {
  const auto solo = make_solo_communicator();
  EXPECT_EQ(solo->world(), 1);
  EXPECT_THAT(run_collective_battery(*solo).faults, testing::IsEmpty());
  solo->close();
  EXPECT_THROW(solo->barrier(), InvariantError);
}

TEST(Collectives, CanBePostedAheadAndWaitedForInAnyOrder) {
  run_thread_ranks(3, [](Communicator& communicator) {
    std::vector<std::vector<double>> values(100, std::vector<double>(50, communicator.rank()));
    std::vector<Handle> handles;
    for (auto& v : values) {
      handles.push_back(communicator.all_reduce(std::as_writable_bytes(std::span(v)), ScalarType::kF64));
    }
    for (std::size_t i = handles.size(); i-- > 0;) {
      handles[i].wait();
      EXPECT_TRUE(handles[i].done());
      EXPECT_EQ(values[i][49], 0 + 1 + 2);
    }
  });
}

TEST(Collectives, RefuseWhatCannotBeAdded) {
  const auto solo = make_solo_communicator();
  std::vector<std::byte> odd(7);
  EXPECT_THROW(solo->all_reduce(odd, ScalarType::kF32), InvariantError);
  EXPECT_THROW(solo->broadcast(odd, 1), InvariantError);
  EXPECT_THROW(solo->all_gather(odd, {}), InvariantError);
  std::vector<std::byte> halves(8);
  EXPECT_THROW(solo->all_reduce(halves, ScalarType::kF16), InvariantError);
  EXPECT_THROW(solo->reduce_scatter(halves, halves, ScalarType::kU8), InvariantError);
}

}  // namespace
}  // namespace muster::dist
