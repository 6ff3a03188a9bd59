#include "label/claims.hpp"

#include <atomic>
#include <chrono>
#include <fstream>
#include <memory>
#include <vector>

#include <gtest/gtest.h>

#include "core/error.hpp"
#include "support/temporary_folder.hpp"

namespace muster::label {
namespace {

namespace fs = std::filesystem;
using Answer = Claims::Answer;
using muster::testing_support::TemporaryFolder;

constexpr double kLong_s = 600;

void sleep_s(double seconds) {
  std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
}

// A worker of which nobody here can tell whether it lives.
WorkerIdentity stranger() {
  WorkerIdentity worker = this_worker("-stranger");
  worker.host = "elsewhere";
  return worker;
}

void leave_claim(const fs::path& folder, const std::string& item, const std::string& text, double age_s = 0) {
  const fs::path path = folder / (item + ".claim.0");
  std::ofstream(path) << text;
  fs::last_write_time(path, fs::file_time_type::clock::now() -
                                std::chrono::duration_cast<fs::file_time_type::duration>(std::chrono::duration<double>(age_s)));
}

class ClaimsTest : public testing::Test {
 protected:
  std::unique_ptr<Claims> worker(const std::string& suffix, double lease_s = kLong_s) {
    return std::make_unique<Claims>(folder_.path(), this_worker(suffix), lease_s);
  }
  std::size_t files() const { return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder_.path()), {})); }

  TemporaryFolder folder_;
};

TEST_F(ClaimsTest, GiveAnItemToOneWorkerUntilItIsReleasedOrDone) {
  auto a = worker("-a"), b = worker("-b");
  EXPECT_EQ(a->take("1"), Answer::kTaken);
  EXPECT_EQ(a->take("1"), Answer::kHeld);
  EXPECT_EQ(b->take("1"), Answer::kHeld);
  EXPECT_EQ(b->take("2"), Answer::kTaken);
  a->release("1");
  EXPECT_EQ(b->take("1"), Answer::kTaken);
  b->finish("1");
  EXPECT_TRUE(a->is_done("1"));
  EXPECT_EQ(a->take("1"), Answer::kDone);
  EXPECT_EQ(b->take("1"), Answer::kDone);
  a->reopen("1");
  EXPECT_EQ(a->take("1"), Answer::kTaken);
}

TEST_F(ClaimsTest, AreReleasedWithTheirWorkerAndLeaveNothingButWhatIsDone) {
  {
    auto a = worker("-a");
    EXPECT_EQ(a->take("1"), Answer::kTaken);
    EXPECT_EQ(a->take("2"), Answer::kTaken);
    a->finish("2");
  }
  EXPECT_TRUE(fs::exists(folder_ / "2.done"));
  EXPECT_EQ(files(), 2u) << "2.done, and the claim of 1, given back";
  EXPECT_EQ(worker("-b")->take("1"), Answer::kTaken);
}

TEST_F(ClaimsTest, OfASilentWorkerAreTakenOverAfterTheLease) {
  leave_claim(folder_.path(), "old", to_json(stranger()), 100);
  leave_claim(folder_.path(), "young", to_json(stranger()), 1);
  leave_claim(folder_.path(), "empty", "", 100);
  auto a = worker("-a", 50);
  EXPECT_EQ(a->take("old"), Answer::kTaken);
  EXPECT_EQ(a->take("young"), Answer::kHeld);
  EXPECT_EQ(a->take("empty"), Answer::kTaken);
  EXPECT_EQ(files(), 6u) << "three old claims, our two, and our clock";
}

TEST_F(ClaimsTest, OfADeadProcessOfThisMachineAreTakenOverAtOnce) {
  WorkerIdentity dead = this_worker();
  dead.process = 1 << 30;
  leave_claim(folder_.path(), "1", to_json(dead));
  EXPECT_EQ(worker("-a")->take("1"), sees_processes() ? Answer::kTaken : Answer::kHeld);
}

TEST_F(ClaimsTest, AreRenewedWhileTheirWorkerLivesHoweverLongOneImageTakes) {
  auto a = worker("-a", 0.2), b = worker("-b", 0.2);
  EXPECT_EQ(a->take("1"), Answer::kTaken);
  for (int i = 0; i < 20; ++i) {
    sleep_s(0.05);
    ASSERT_EQ(b->take("1"), Answer::kHeld) << "after " << i << " looks";
  }
}

TEST_F(ClaimsTest, OfAWorkerThatWasTakenOverFromDoNotTouchThoseOfTheOther) {
  auto a = worker("-a");
  EXPECT_EQ(a->take("1"), Answer::kTaken);
  fs::last_write_time(folder_ / "1.claim.0", fs::file_time_type::clock::now() - std::chrono::hours(1));  // as if it had been stopped
  auto b = worker("-b");
  EXPECT_EQ(b->take("1"), Answer::kTaken);
  a->release("1");
  EXPECT_EQ(worker("-c")->take("1"), Answer::kHeld) << "b is at it";
  EXPECT_EQ(a->take("1"), Answer::kHeld);
  b->finish("1");
  EXPECT_EQ(a->take("1"), Answer::kDone);
}

TEST_F(ClaimsTest, CanBothFinishWhatTwoWorkersDid) {
  auto a = worker("-a"), b = worker("-b");
  EXPECT_EQ(a->take("1"), Answer::kTaken);
  fs::last_write_time(folder_ / "1.claim.0", fs::file_time_type::clock::now() - std::chrono::hours(1));
  EXPECT_EQ(b->take("1"), Answer::kTaken);
  b->finish("1");
  a->finish("1");
  EXPECT_TRUE(a->is_done("1"));
  EXPECT_FALSE(fs::exists(folder_ / "1.claim.0") || fs::exists(folder_ / "1.claim.1"));
}

// All see a void claim at once: whatever the order, one worker gets the item.
TEST_F(ClaimsTest, AreTakenOverByOneOfManyThieves) {
  constexpr int kThieves = 6, kRounds = 60;
  for (int round = 0; round < kRounds; ++round) {
    const std::string item = "item" + std::to_string(round);
    leave_claim(folder_.path(), item, to_json(stranger()), 1000);
    std::atomic<int> taken{0};
    {
      std::vector<std::unique_ptr<Claims>> workers;
      std::vector<std::jthread> threads;
      for (int i = 0; i < kThieves; ++i) {
        workers.push_back(worker("-" + std::to_string(i)));
      }
      for (auto& thief : workers) {
        threads.emplace_back([&] { taken += thief->take(item) == Answer::kTaken ? 1 : 0; });
      }
      threads.clear();
      ASSERT_EQ(taken, 1) << "round " << round;
    }
  }
}

TEST_F(ClaimsTest, FailWhereTheFolderIsMissing) {
  EXPECT_THROW(Claims(folder_ / "missing", this_worker(), kLong_s), OutputError);
}

}  // namespace
}  // namespace muster::label
