#include "label/exclusive_file.hpp"

#include <atomic>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/atomic_file.hpp"
#include "core/error.hpp"
#include "support/temporary_folder.hpp"

namespace muster::label {
namespace {

namespace fs = std::filesystem;
using muster::testing_support::TemporaryFolder;

TEST(CreateExclusively, GivesTheNameToTheFirstAndKeepsItsBytes) {
  const TemporaryFolder folder;
  EXPECT_TRUE(create_exclusively(folder / "a/b/mask.png", folder / "tmp", "first"));
  EXPECT_FALSE(create_exclusively(folder / "a/b/mask.png", folder / "tmp", "second"));
  EXPECT_EQ(read_file(folder / "a/b/mask.png"), "first");
  EXPECT_FALSE(fs::exists(folder / "tmp"));
}

TEST(CreateExclusively, LetsOneOfManyThreadsWin) {
  const TemporaryFolder folder;
  constexpr int kThreads = 8, kRounds = 50;
  for (int round = 0; round < kRounds; ++round) {
    const fs::path path = folder / ("mask" + std::to_string(round));
    std::atomic<int> winner{-1}, winners{0};
    {
      std::vector<std::jthread> threads;
      for (int i = 0; i < kThreads; ++i) {
        threads.emplace_back([&, i] {
          if (create_exclusively(path, folder / ("tmp" + std::to_string(i)), std::to_string(i))) {
            winner = i;
            ++winners;
          }
        });
      }
    }
    ASSERT_EQ(winners, 1);
    ASSERT_EQ(read_file(path), std::to_string(winner));
  }
}

TEST(CreateExclusively, FailsInOneSentenceWhereNothingCanBeWritten) {
  const TemporaryFolder folder;
  EXPECT_TRUE(create_exclusively(folder / "file", folder / "tmp", "x"));
  EXPECT_THROW((void)create_exclusively(folder / "file/mask.png", folder / "tmp", "x"), OutputError);  // the folder is a file
  EXPECT_THROW((void)create_exclusively(folder / "mask.png", folder / "missing/tmp", "x"), OutputError);
}

TEST(ReplaceFile, TakesThePlaceOfWhatWasThere) {
  const TemporaryFolder folder;
  replace_file(folder / "a/x", folder / "tmp", "first");
  replace_file(folder / "a/x", folder / "tmp", "second");
  EXPECT_EQ(read_file(folder / "a/x"), "second");
  EXPECT_FALSE(fs::exists(folder / "tmp"));
}

}  // namespace
}  // namespace muster::label
