#include "dist/communicator.hpp"

#include <chrono>
#include <cmath>
#include <mutex>
#include <set>
#include <stdexcept>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "dist/host_communicator.hpp"
#include "dist/operation.hpp"
#include "dist/thread_ranks.hpp"
#include "dist/thread_transport.hpp"

namespace muster::dist {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

std::span<std::byte> bytes_of(std::vector<double>& values) {
  return std::as_writable_bytes(std::span(values));
}

// What run_thread_ranks() throws.
std::string error_of(int world, const std::function<void(Communicator&)>& body) {
  try {
    run_thread_ranks(world, body);
  } catch (const std::exception& error) {
    return error.what();
  } catch (int number) {
    return "the number " + std::to_string(number);
  }
  return "no error";
}

TEST(Communicator, NamesBothOperationsWhenTheOrderDiffers) {
  const std::string text = error_of(2, [](Communicator& communicator) {
    communicator.barrier().wait();
    std::vector<double> values(12);
    if (communicator.rank() == 0) {
      communicator.all_reduce(bytes_of(values), ScalarType::kF64).wait();
    } else {
      communicator.barrier().wait();
    }
  });
  EXPECT_THAT(text, HasSubstr("operation 2, all_reduce of 12 F64"));
  EXPECT_THAT(text, HasSubstr("operation 2, barrier"));
  EXPECT_THAT(text, HasSubstr("rank 1"));
}

TEST(Communicator, NamesBothCountsWhenTheyDiffer) {
  const std::string text = error_of(3, [](Communicator& communicator) {
    std::vector<double> values(communicator.rank() == 2 ? 8 : 9);
    communicator.label("blocks.3");
    communicator.all_reduce(bytes_of(values), ScalarType::kF64).wait();
  });
  EXPECT_THAT(text, HasSubstr("all_reduce of 8 F64 (blocks.3)"));
  EXPECT_THAT(text, HasSubstr("all_reduce of 9 F64 (blocks.3)"));
}

TEST(Communicator, OfEveryRankThrowsWhenOneLeaves) {
  std::mutex mutex;
  std::vector<std::string> heard;
  const std::string text = error_of(4, [&](Communicator& communicator) {
    if (communicator.rank() == 2) {
      std::this_thread::sleep_for(50ms);
      throw std::runtime_error("a bad sample");
    }
    try {
      communicator.barrier().wait();
    } catch (const CommError& error) {
      const std::lock_guard lock(mutex);
      heard.emplace_back(error.what());
      throw;
    }
  });
  EXPECT_EQ(text, "a bad sample");
  EXPECT_THAT(heard, testing::ElementsAre("rank 2 left: a bad sample", "rank 2 left: a bad sample", "rank 2 left: a bad sample"));
}

TEST(Communicator, FailsAllLaterOperationsOnceOneFailed) {
  error_of(2, [](Communicator& communicator) {
    if (communicator.rank() == 1) {
      communicator.poison("enough");
    }
    Handle first = communicator.barrier();
    Handle second = communicator.barrier();
    EXPECT_THROW(first.wait(), CommError);
    EXPECT_THROW(second.wait(), CommError);
    EXPECT_THROW(first.wait(), CommError);
    EXPECT_TRUE(first.done());
    EXPECT_THROW(communicator.close(), CommError);
  });
}

TEST(Communicator, OfEveryRankThrowsWhenOneThrowsNoException) {
  const std::string text = error_of(2, [](Communicator& communicator) {
    if (communicator.rank() == 1) {
      throw 42;
    }
    EXPECT_THROW(communicator.barrier().wait(), CommError);
  });
  EXPECT_EQ(text, "the number 42");
}

TEST(Communicator, ThatIsDestroyedOpenLeavesNobodyWaiting) {
  const auto room = std::make_shared<ThreadRoom>(2);
  HostCommunicator stays(std::make_unique<ThreadTransport>(room, 0), std::make_shared<CommThread>());
  auto goes = std::make_unique<HostCommunicator>(std::make_unique<ThreadTransport>(room, 1), std::make_shared<CommThread>());
  Handle never = stays.barrier();
  goes.reset();
  EXPECT_THROW(never.wait(), CommError);
}

TEST(Communicator, HashesTheOrderOfOperations) {
  std::mutex mutex;
  std::set<std::uint64_t> same;
  run_thread_ranks(3, [&](Communicator& communicator) {
    std::vector<double> values(4);
    const std::uint64_t before = communicator.log_hash();
    communicator.all_reduce(bytes_of(values), ScalarType::kF64).wait();
    EXPECT_NE(communicator.log_hash(), before);
    communicator.broadcast(bytes_of(values), 1).wait();
    communicator.label("a label is no part of the order");
    communicator.barrier().wait();
    const std::lock_guard lock(mutex);
    same.insert(communicator.log_hash());
  });
  EXPECT_EQ(same.size(), 1U);

  OperationLog reference, count, type, kind, root;
  reference.add(OperationKind::kBroadcast, ScalarType::kU8, 4, 0);
  count.add(OperationKind::kBroadcast, ScalarType::kU8, 5, 0);
  type.add(OperationKind::kBroadcast, ScalarType::kF32, 4, 0);
  kind.add(OperationKind::kAllGather, ScalarType::kU8, 4, 0);
  root.add(OperationKind::kBroadcast, ScalarType::kU8, 4, 1);
  EXPECT_EQ((std::set{reference.hash(), count.hash(), type.hash(), kind.hash(), root.hash()}).size(), 5U);
}

TEST(Communicator, GathersAndBroadcastsTexts) {
  run_thread_ranks(3, [](Communicator& communicator) {
    const int rank = communicator.rank();
    const std::string mine(static_cast<std::size_t>(rank) * 1000, static_cast<char>('a' + rank));
    EXPECT_THAT(gather_texts(communicator, mine), testing::ElementsAre("", std::string(1000, 'b'), std::string(2000, 'c')));
    EXPECT_EQ(broadcast_text(communicator, mine, 2), std::string(2000, 'c'));
    EXPECT_EQ(broadcast_text(communicator, mine, 0), "");
  });
}

TEST(CommunicatorReducer, SumsAndTakesMaxima) {
  run_thread_ranks(3, [](Communicator& communicator) {
    CommunicatorReducer reducer(communicator);
    const double rank = communicator.rank();
    std::vector<double> sums{1, rank, 1e17 * (rank - 1)};
    reducer.sum(sums);
    EXPECT_THAT(sums, testing::ElementsAre(3, 3, 0));
    std::vector<double> maxima{-rank, rank, rank == 1 ? std::nan("") : 0};
    reducer.max(maxima);
    EXPECT_EQ(maxima[0], 0);
    EXPECT_EQ(maxima[1], 2);
    EXPECT_TRUE(std::isnan(maxima[2]));
    reducer.max({});
  });
}

TEST(Handle, IsDoneByDefault) {
  Handle handle;
  EXPECT_TRUE(handle.done());
  handle.wait();
}

}  // namespace
}  // namespace muster::dist
