#include "train/shared_data.hpp"

#include <array>
#include <mutex>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "data/tiny_dataset.hpp"
#include "dist/thread_ranks.hpp"

namespace muster::train {
namespace {

using testing::HasSubstr;

// Runs `body` as three ranks and collects what each of them throws: "data: TEXT", "" for nothing.
std::array<std::string, 3> errors_of(const std::function<void(dist::Communicator&)>& body) {
  std::array<std::string, 3> errors;
  dist::run_thread_ranks(3, [&](dist::Communicator& ranks) {
    std::string& error = errors[static_cast<std::size_t>(ranks.rank())];
    try {
      body(ranks);
    } catch (const DataError& found) {
      error = std::string("data: ") + found.what();
    } catch (const ConfigError& found) {
      error = std::string("config: ") + found.what();
    } catch (const Error& found) {
      error = std::string("other: ") + found.what();
    }
    ranks.barrier().wait();  // whoever is left behind hangs here, and the test with it
  });
  return errors;
}

TEST(OnAllRanks, ReturnsWhereAllSucceed) {
  for (const std::string& error : errors_of([](dist::Communicator& ranks) { on_all_ranks(ranks, [] {}); })) {
    EXPECT_EQ(error, "");
  }
}

TEST(OnAllRanks, TheErrorOfOneIsThrownByAllAndNamesIt) {
  const auto errors = errors_of([](dist::Communicator& ranks) {
    on_all_ranks(ranks, [&] {
      if (ranks.rank() == 1) {
        throw DataError("shard a.h5 is missing");
      }
    });
  });
  for (const std::string& error : errors) {
    EXPECT_EQ(error, "data: rank 1 of 3 cannot go on: shard a.h5 is missing");
  }
}

TEST(OnAllRanks, WhatAllFoundIsSaidOnceAndKeepsItsKind) {
  const auto errors = errors_of([](dist::Communicator& ranks) { on_all_ranks(ranks, [] { throw ConfigError("no split val"); }); });
  for (const std::string& error : errors) {
    EXPECT_EQ(error, "config: no split val");
  }
}

TEST(OnAllRanks, WhatIsNoErrorOfOursComesAcrossToo) {
  const auto errors = errors_of([](dist::Communicator& ranks) {
    on_all_ranks(ranks, [&] {
      if (ranks.rank() == 2) {
        throw std::runtime_error("odd");
      }
    });
  });
  for (const std::string& error : errors) {
    EXPECT_EQ(error, "other: rank 2 of 3 cannot go on: unexpected: odd");
  }
}

TEST(CheckSameData, NamesRanksAndWhatTheyHave) {
  const auto errors = errors_of([](dist::Communicator& ranks) {
    check_same_data(ranks, "data", "split train");
    check_same_data(ranks, "data", ranks.rank() == 1 ? "fingerprint beef" : "fingerprint f00d");
  });
  for (const std::string& error : errors) {
    EXPECT_THAT(error, HasSubstr("data: ranks do not have the same data: rank 1: fingerprint beef; ranks 0, 2: fingerprint f00d;"));
  }
}

// A data set on node-local disks: one node lacks a shard, another has an older copy.
TEST(SharedData, AMissingShardIsSaidOnEveryRankBeforeTheFirstStep) {
  const data::TinyDataset complete(6, 2), broken(6, 2);
  std::filesystem::remove(broken.folder / "train-00001.h5");
  const auto errors = errors_of([&](dist::Communicator& ranks) {
    on_all_ranks(ranks, [&] { (void)data::Dataset::open((ranks.rank() == 2 ? broken : complete).folder.path()).split("train"); });
  });
  for (const std::string& error : errors) {
    EXPECT_THAT(error, HasSubstr("data: rank 2 of 3 cannot go on: shard"));
    EXPECT_THAT(error, HasSubstr("train-00001.h5 with 3 samples is missing"));
  }
}

}  // namespace
}  // namespace muster::train
