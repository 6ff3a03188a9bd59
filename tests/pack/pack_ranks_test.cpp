// Packing over ranks that are threads: the same bytes, the same errors. Over MPI: tests/e2e/pack_ranks_test.py.
#include <array>
#include <csignal>
#include <mutex>

#include <sys/resource.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "core/stop_flags.hpp"
#include "dist/thread_ranks.hpp"
#include "pack/pack.hpp"
#include "pack/plan.hpp"
#include "pack/sources.hpp"
#include "pack/verify.hpp"

namespace muster::pack {
namespace {

namespace fs = std::filesystem;

using testing::Each;
using testing::HasSubstr;
using testing::SizeIs;
using testing_support::contents;
using testing_support::damage_inside;
using testing_support::labels;
using testing_support::message_of;
using testing_support::put;
using testing_support::Sources;

void pack_over(int ranks, const PackOptions& options) {
  dist::run_thread_ranks(ranks, [&](dist::Communicator& world) { pack(options, world); });
}

// What each rank's pack() throws of type Error.
template <class Error>
std::vector<std::string> messages_over(int ranks, const PackOptions& options) {
  std::vector<std::string> messages(static_cast<std::size_t>(ranks));
  dist::run_thread_ranks(ranks, [&](dist::Communicator& world) {
    messages[static_cast<std::size_t>(world.rank())] = message_of<Error>([&] { pack(options, world); });
  });
  return messages;
}

PackOptions small_shards(const Sources& sources, const std::string& out) {
  PackOptions options = sources.options("train", out);
  options.shard_bytes = 1500;
  return options;
}

TEST(PackOverRanks, GivesTheSameBytesForAnyNumberOfRanksAndThreads) {
  Sources sources;
  sources.add_many(13);
  pack(small_shards(sources, "alone"));
  const auto alone = contents(sources.out("alone"));
  EXPECT_GT(alone.size(), 6u);
  for (const auto& [ranks, threads] : {std::pair(2, 1), {3, 2}, {7, 1}, {20, 1}}) {
    SCOPED_TRACE(testing::Message() << ranks << " ranks");
    const std::string out = "over" + std::to_string(ranks);
    PackOptions options = small_shards(sources, out);
    options.threads = threads;
    pack_over(ranks, options);
    EXPECT_EQ(contents(sources.out(out)), alone);
  }
}

TEST(PackOverRanks, GivesAllRanksTheSummary) {
  Sources sources;
  sources.add_many(5);
  std::array<PackSummary, 3> summaries;
  dist::run_thread_ranks(3, [&](dist::Communicator& world) {
    summaries[static_cast<std::size_t>(world.rank())] = pack(small_shards(sources, "packed"), world);
  });
  for (const PackSummary& summary : summaries) {
    ASSERT_EQ(summary.splits.size(), 1u);
    EXPECT_EQ(summary.splits[0].samples, 5u);
    EXPECT_EQ(summary.splits[0].fingerprint, summaries[0].splits[0].fingerprint);
    EXPECT_EQ(summary.classes, 2u);
  }
}

TEST(PackOverRanks, EndsOnAllRanksWithTheErrorThatOneRankWouldGive) {
  Sources sources;
  sources.add_many(13);
  for (const char* stem : {"b/tile1", "b/tile3", "a/tile8", "a/tile12"}) {
    damage_inside(sources.images() / (std::string(stem) + ".jpg"));
  }
  const std::string alone = message_of<DataError>([&] { pack(small_shards(sources, "packed")); });
  EXPECT_THAT(alone, HasSubstr("tile"));
  for (const int ranks : {2, 3, 5}) {
    EXPECT_THAT(messages_over<DataError>(ranks, small_shards(sources, "packed")), Each(alone));
    EXPECT_FALSE(fs::exists(sources.out()));
  }
}

TEST(PackOverRanks, TellsProblemsOfThePreflightOnAllRanks) {
  Sources sources;
  sources.add_many(7);
  fs::remove(sources.masks() / "a/tile0.png");
  sources.add_mask("a/tile6", labels(5, 6, [](int, int) { return 0; }));
  const std::string alone = message_of<DataError>([&] { pack(small_shards(sources, "packed")); });
  EXPECT_THAT(alone, HasSubstr("2 problems, nothing was written"));
  EXPECT_THAT(messages_over<DataError>(3, small_shards(sources, "packed")), Each(alone));
  put(sources.out() / "thesis.tex", "x");  // seen by rank 0 alone
  EXPECT_THAT(messages_over<ConfigError>(3, small_shards(sources, "packed")), Each(HasSubstr("holds something else")));
}

TEST(PackOverRanks, LeavesTheSameSamplesOut) {
  Sources sources;
  sources.add_many(13);
  for (const char* stem : {"b/tile1", "a/tile8"}) {
    damage_inside(sources.images() / (std::string(stem) + ".jpg"));
  }
  fs::remove(sources.masks() / "a/tile2.png");
  const auto skipping = [&](const std::string& out) {
    PackOptions options = small_shards(sources, out);
    options.on_error = "skip";
    options.max_skipped = 0.5;
    return options;
  };
  pack(skipping("alone"));
  pack_over(3, skipping("over"));
  EXPECT_EQ(contents(sources.out("over")), contents(sources.out("alone")));
  EXPECT_THAT(read_file(sources.out("over") / "skipped.csv"), HasSubstr("a/tile8.jpg"));
  PackOptions strict = skipping("strict");
  strict.max_skipped = 0.2;
  EXPECT_THAT(messages_over<DataError>(3, strict), Each(HasSubstr("more than max_skipped=0.2")));
  EXPECT_FALSE(fs::exists(sources.out("strict")));
}

// Lets no file grow above `bytes` while it lives: a full disk, as far as a writer can tell.
class FileLimit {
 public:
  explicit FileLimit(rlim_t bytes) {
    old_ = std::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{.rlim_cur = bytes, .rlim_max = before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileLimit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, old_);
  }

 private:
  rlimit before_{};
  void (*old_)(int) = nullptr;
};

TEST(PackOverRanks, GoOnBehindWhatAnotherNumberOfRanksFinished) {
  Sources sources;
  sources.add_many(9);
  image::Image noise(300, 300);  // the last shard is too large for the disk
  std::uint32_t state = 1;
  for (std::uint8_t& value : noise.pixels) {
    state = state * 1664525u + 1013904223u;
    value = static_cast<std::uint8_t>(state >> 24);
  }
  put(sources.images() / "z.png", image::encode_png(noise));
  sources.add_mask("z", labels(300, 300, [](int, int) { return 7; }));
  const auto sorted = [&](const std::string& out) {
    PackOptions options = sources.options("val", out);
    options.shard_bytes = 1;
    return options;
  };
  pack(sorted("alone"));
  {
    const FileLimit limit(100'000);
    EXPECT_THAT(messages_over<OutputError>(3, sorted("resumed")), Each(HasSubstr("val-00009.h5")));
  }
  EXPECT_FALSE(fs::exists(sources.out("resumed") / data::kManifestFile));
  EXPECT_TRUE(fs::exists(sources.out("resumed") / kPlanFile));
  std::array<std::size_t, 2> taken_over{};
  dist::run_thread_ranks(2, [&](dist::Communicator& world) {
    taken_over[static_cast<std::size_t>(world.rank())] = pack(sorted("resumed"), world).splits.at(0).taken_over;
  });
  EXPECT_THAT(taken_over, Each(9u));
  EXPECT_EQ(contents(sources.out("resumed")), contents(sources.out("alone")));
}

TEST(PackOverRanks, StopOnASignalOnAllRanks) {
  Sources sources;
  sources.add_many(6);
  request_stop(SIGUSR2);
  EXPECT_THAT(messages_over<PackStopped>(3, small_shards(sources, "packed")), Each(HasSubstr("signal 12")));
  request_stop(0);
  EXPECT_FALSE(fs::exists(sources.out()));
}

// --- Ranks --------------------------------------------------------------------------------------------------------------------

TEST(Ranks, ThrowTheSameErrorWhereverTheOthersAre) {
  std::mutex mutex;
  std::vector<std::string> messages;
  dist::run_thread_ranks(4, [&](dist::Communicator& world) {
    Ranks ranks(world);
    const std::string message = message_of<OutputError>([&] {
      ranks.together([&] {
        if (ranks.rank() == 2) {
          throw OutputError("rank 2 is out of paper");
        }
        ranks.from_first([] { return std::string("hello"); });  // the others are further on
        ranks.gather([] { return std::string("there"); });
      });
    });
    const std::lock_guard lock(mutex);
    messages.push_back(message);
  });
  EXPECT_THAT(messages, SizeIs(4));
  EXPECT_THAT(messages, Each("rank 2 is out of paper"));
}

TEST(Ranks, PreferTheErrorOfTheLowestPlaceAndStopSignalsLast) {
  std::vector<std::string> messages(3);
  dist::run_thread_ranks(3, [&](dist::Communicator& world) {
    Ranks ranks(world);
    messages[static_cast<std::size_t>(world.rank())] = message_of<Error>([&] {
      ranks.gather(
          [&]() -> std::string {
            if (ranks.rank() == 0) {
              throw PackStopped("stopped");
            }
            throw DataError("shard {}", 7 - ranks.rank());
          },
          static_cast<std::uint64_t>(ranks.rank() == 0 ? 0 : 7 - ranks.rank()));
    });
  });
  EXPECT_THAT(messages, Each("shard 5"));
}

TEST(Ranks, ShareItemsWithoutGapsAndGatherInOrder) {
  std::vector<std::string> all(3);
  dist::run_thread_ranks(3, [&](dist::Communicator& world) {
    Ranks ranks(world);
    const auto [begin, end] = ranks.part(10);
    std::string mine;
    for (std::size_t i = begin; i < end; ++i) {
      mine += static_cast<char>('0' + i);
    }
    for (const std::string& part : ranks.gather([&] { return mine; })) {
      all[static_cast<std::size_t>(world.rank())] += part;
    }
  });
  EXPECT_THAT(all, Each("0123456789"));
}

}  // namespace
}  // namespace muster::pack
