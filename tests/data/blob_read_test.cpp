#include "data/blob_read.hpp"

#include <algorithm>
#include <array>
#include <chrono>

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

  std::string read(std::span<std::byte> bytes) override {
    std::ranges::copy(kFlakyBlob, bytes.begin());
    if (failures_-- <= 0) {
      return "";
    }
    bytes[500] ^= std::byte{1};
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

// An open file that went bad: what is read after forget() comes through another.
TEST(ShardBlob, OpensTheShardAgainAfterAFailedRead) {
  const TinyDataset packed(2, 1);
  const std::vector<ManifestShard> shards = packed.manifest.splits.at("train").shards;
  const IndexColumns columns = read_columns(packed.folder / shards[0].file);
  ShardFds fds(packed.folder.path(), shards);
  ShardBlob blob(fds, 0, columns.image_offset[1], columns.image_size[1]);
  std::vector<std::byte> bytes(columns.image_size[1]);
  ASSERT_EQ(blob.read(bytes), "");
  EXPECT_EQ(crc32_of(bytes), columns.image_crc32[1]);
  blob.forget(false);
  EXPECT_EQ(fds.counters().misses, 1U);  // another checksum is no reason to open it again

  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  ASSERT_GE(::dup2(ends[0], fds.get(0)->fd.get()), 0);  // which pread refuses
  EXPECT_NE(blob.read(bytes), "");
  blob.forget(true);
  std::ranges::fill(bytes, std::byte{0});
  EXPECT_EQ(blob.read(bytes), "");
  EXPECT_EQ(crc32_of(bytes), columns.image_crc32[1]);
  EXPECT_EQ(fds.counters().misses, 2U);

  blob.forget(true);
  std::filesystem::remove(packed.folder / shards[0].file);
  EXPECT_NE(blob.read(bytes).find("cannot open shard"), std::string::npos);
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST(ShardReader, CountsReadsAndWrongChecksums) {
  const TinyDataset packed(4, 1);
  const ManifestShard shard = packed.manifest.splits.at("train").shards[0];
  flip_byte(packed.folder / shard.file, shard.payload_address + read_columns(packed.folder / shard.file).mask_offset[1]);
  const ShardReader reader = Dataset::open(packed.folder.path()).split("train");
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
