#include "data/blob_read.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <thread>

#include <unistd.h>

#include <gtest/gtest.h>

#include "core/error.hpp"
#include "core/hash.hpp"
#include "data/shard_blob.hpp"
#include "data/tiny_dataset.hpp"

namespace muster::data {
namespace {

const std::vector<std::byte> kFlakyBlob(1000, std::byte{7});

std::string flaky_name() {
  return "train-00000.h5: sample 2 (a.jpg)";
}

// A file system that fails `failures` times: with an error, an early end, or other bytes.
class FlakyFile final : public BlobSource {
 public:
  enum class Failure { kError, kEnd, kOtherBytes };
  FlakyFile(Failure failure, int failures) : failure_(failure), failures_(failures) {}

  std::string read(std::span<std::byte> bytes, std::uint32_t& crc32) override {
    std::ranges::copy(kFlakyBlob, bytes.begin());
    crc32 = crc32_of(bytes);
    if (failures_-- <= 0) {
      return "";
    }
    bytes[500] ^= std::byte{1};
    crc32 = crc32_of(bytes);
    return failure_ == Failure::kError ? "Input/output error" : failure_ == Failure::kEnd ? "the file ends before it" : "";
  }
  void forget(bool read_failed) override {
    EXPECT_EQ(read_failed, failure_ != Failure::kOtherBytes);
    ++forgotten;
  }

  int failures() const { return failures_; }
  int forgotten = 0;

 private:
  Failure failure_;
  int failures_;
};

std::vector<std::byte> read_flaky(FlakyFile file, ReadStatistics& statistics) {
  std::vector<std::byte> blob(7, std::byte{9});  // of another sample, before
  const int failures = file.failures();
  read_checked({.kind = "image", .size = 1000, .crc32 = crc32_of(kFlakyBlob)}, file, flaky_name, RetryWaits{}, statistics, blob);
  EXPECT_EQ(file.forgotten, failures);  // before each further try
  return blob;
}

TEST(ReadChecked, CountsWhatItRead) {
  ReadStatistics statistics;
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(read_flaky({FlakyFile::Failure::kError, 0}, statistics), kFlakyBlob);
  }
  const ReadCounters counters = statistics.counters();
  EXPECT_EQ(counters.reads, 3U);
  EXPECT_EQ(counters.bytes, 3000U);
  EXPECT_EQ(counters.retries, 0U);
  EXPECT_EQ(counters.crc_failures, 0U);
  EXPECT_GT(counters.seconds, 0.0);
}

TEST(ReadChecked, ReadsAgainWhatFailedUpToThreeTimes) {
  ReadStatistics statistics;
  EXPECT_EQ(read_flaky({FlakyFile::Failure::kError, 1}, statistics), kFlakyBlob);
  EXPECT_EQ(read_flaky({FlakyFile::Failure::kOtherBytes, 3}, statistics), kFlakyBlob);
  EXPECT_EQ(statistics.counters().retries, 4U);
  EXPECT_EQ(statistics.counters().crc_failures, 3U);
  EXPECT_EQ(statistics.counters().reads, 2U);
}

TEST(ReadChecked, GivesUpAfterFourTriesAndSaysWhy) {
  const std::vector<std::pair<FlakyFile::Failure, std::string>> cases = {{FlakyFile::Failure::kError, "Input/output error"},
                                                                         {FlakyFile::Failure::kEnd, "the file ends before it"},
                                                                         {FlakyFile::Failure::kOtherBytes, "its CRC-32 is"}};
  for (const auto& [failure, reason] : cases) {
    ReadStatistics statistics;
    try {
      (void)read_flaky({failure, 4}, statistics);
      FAIL() << reason;
    } catch (const DataError& error) {
      EXPECT_TRUE(std::string(error.what()).starts_with(flaky_name() + ": the image of 1000 bytes cannot be used: ")) << error.what();
      EXPECT_NE(std::string(error.what()).find(reason), std::string::npos) << error.what();
    }
    EXPECT_EQ(statistics.counters().retries, 3U);
    EXPECT_EQ(statistics.counters().reads, 0U);
  }
}

TEST(ReadChecked, WaitsLongerBeforeEachFurtherTry) {
  ReadStatistics statistics;
  FlakyFile file(FlakyFile::Failure::kEnd, 2);
  std::vector<std::byte> blob;
  const RetryWaits waits = {std::chrono::milliseconds(1), std::chrono::milliseconds(20), std::chrono::hours(1)};
  read_checked({.kind = "image", .size = 1000, .crc32 = crc32_of(kFlakyBlob)}, file, flaky_name, waits, statistics, blob);
  EXPECT_GE(statistics.counters().seconds, 0.021);
}

// In both ways of reading: what is read, counted and said is the same.
class ShardReadTest : public testing::TestWithParam<ReadWay> {
 protected:
  ReadOptions options() const { return {.way = GetParam(), .waits = RetryWaits{}}; }
};

INSTANTIATE_TEST_SUITE_P(Ways, ShardReadTest, testing::Values(ReadWay::kPread, ReadWay::kMmap),
                         [](const auto& way) { return way.param == ReadWay::kMmap ? "mmap" : "pread"; });

// An open file that went bad: what is read after forget() comes through another.
TEST_P(ShardReadTest, OpensTheShardAgainAfterAFailedRead) {
  const TinyDataset packed(2, 1);
  const std::vector<ManifestShard> shards = packed.manifest.splits.at("train").shards;
  const IndexColumns columns = read_columns(packed.folder / shards[0].file);
  ShardFds fds(packed.folder.path(), shards, GetParam());
  ShardBlob blob(fds, 0, columns.image_offset[1], columns.image_size[1]);
  std::vector<std::byte> bytes(columns.image_size[1]);
  std::uint32_t crc32 = 0;
  ASSERT_EQ(blob.read(bytes, crc32), "");
  EXPECT_EQ(crc32, columns.image_crc32[1]);
  EXPECT_EQ(crc32_of(bytes), columns.image_crc32[1]);
  blob.forget(false);
  EXPECT_EQ(fds.counters().misses, 1U);  // another checksum is no reason to open it again

  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  ASSERT_GE(::dup2(ends[0], fds.get(0)->fd.get()), 0);  // which pread refuses; after forget(), it is asked in any way
  EXPECT_NE(blob.read(bytes, crc32), "");
  blob.forget(true);
  std::ranges::fill(bytes, std::byte{0});
  EXPECT_EQ(blob.read(bytes, crc32), "");
  EXPECT_EQ(crc32, columns.image_crc32[1]);
  EXPECT_EQ(crc32_of(bytes), columns.image_crc32[1]);
  EXPECT_EQ(fds.counters().misses, 2U);

  blob.forget(true);
  std::filesystem::remove(packed.folder / shards[0].file);
  EXPECT_NE(blob.read(bytes, crc32).find("cannot open shard"), std::string::npos);
  ::close(ends[0]);
  ::close(ends[1]);
}

// A shard that is cut short under a run: no signal ends it, and what stands before the cut can still be read.
TEST_P(ShardReadTest, SaysThatAShardEndsEarlySinceItWasOpened) {
  const TinyDataset packed(400, 1);
  const ManifestShard shard = packed.manifest.splits.at("train").shards[0];
  const ShardReader reader(packed.folder.path(), "train", packed.manifest, IndexCheck::kWhole, options());
  const std::vector<std::byte> first = reader.read(0).image;
  const std::vector<std::byte> last = reader.read(399).image;
  std::filesystem::copy_file(packed.folder / shard.file, packed.folder / "whole");
  // to the middle of a page, so that the mapping ends within it
  std::filesystem::resize_file(packed.folder / shard.file, (shard.payload_address + shard.payload_bytes / 2) / 4096 * 4096 + 2000);
  EXPECT_EQ(reader.read(0).image, first);
  std::size_t refused = 0;
  for (std::uint32_t id = 0; id < 400; ++id) {
    try {
      static_cast<void>(reader.read(id));
      EXPECT_EQ(refused, 0U) << "sample " << id << " lies behind one that cannot be read";
    } catch (const DataError& error) {
      // the first is read as far as it goes and then opened anew, which tells of the length, as it does for all the others
      const std::string wanted = refused++ == 0 ? fmt::format("train-00000.h5: sample {} ", id) : "train-00000.h5 has";
      EXPECT_NE(std::string(error.what()).find(wanted), std::string::npos) << error.what();
    }
  }
  EXPECT_GT(refused, 100U);
  EXPECT_LT(refused, 300U);

  std::filesystem::copy_file(packed.folder / "whole", packed.folder / shard.file, std::filesystem::copy_options::overwrite_existing);
  EXPECT_EQ(reader.read(399).image, last);
}

TEST_P(ShardReadTest, ReadsTheSameFromManyThreads) {
  const TinyDataset packed(60, 7);
  const ShardReader wanted(packed.folder.path(), "train", packed.manifest);
  const ShardReader reader(packed.folder.path(), "train", packed.manifest, IndexCheck::kWhole, options());
  std::vector<std::thread> threads;
  for (std::uint32_t first = 0; first < 4; ++first) {
    threads.emplace_back([&, first] {
      for (std::uint32_t i = 0; i < 240; ++i) {
        const std::uint32_t id = (first * 17 + i * 7) % 60;
        EXPECT_EQ(reader.read(id).image, wanted.read(id).image);
        EXPECT_EQ(reader.read(id).mask, wanted.read(id).mask);
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(reader.counters().crc_failures, 0U);
}

TEST_P(ShardReadTest, CountsReadsAndWrongChecksums) {
  const TinyDataset packed(4, 1);
  const ManifestShard shard = packed.manifest.splits.at("train").shards[0];
  flip_byte(packed.folder / shard.file, shard.payload_address + read_columns(packed.folder / shard.file).mask_offset[1]);
  const ShardReader reader = Dataset::open(packed.folder.path()).split("train", IndexCheck::kWhole, options());
  EXPECT_EQ(reader.counters(), ReadCounters{});
  const EncodedSample sample = reader.read(0);
  EXPECT_EQ(reader.counters().reads, 2U);
  EXPECT_EQ(reader.counters().bytes, sample.image.size() + sample.mask.size());
  EXPECT_THROW((void)reader.read(1), DataError);
  EXPECT_EQ(reader.counters().reads, 3U);  // its image was fine
  EXPECT_EQ(reader.counters().crc_failures, 4U);
  EXPECT_EQ(reader.counters().retries, 3U);
  EXPECT_EQ(reader.counters().cache_misses, 1U);
  EXPECT_EQ(reader.counters().cache_hits, 3U);
}

TEST(ShardReader, AnnouncesReadsWithoutReadingOrFailing) {
  const TinyDataset packed(4, 2);
  const ShardReader reader = Dataset::open(packed.folder.path()).split("train");
  std::filesystem::remove(packed.folder / "train-00001.h5");
  reader.will_read(0);
  reader.will_read(3);  // read() says what is wrong
  EXPECT_EQ(reader.counters(), ReadCounters{.cache_misses = 1});
  EXPECT_THROW((void)reader.read(3), DataError);
}

}  // namespace
}  // namespace muster::data
