#include "data/blob_read.hpp"

#include <algorithm>
#include <cerrno>

#include <gtest/gtest.h>

#include "core/error.hpp"
#include "core/hash.hpp"
#include "data/tiny_dataset.hpp"

namespace muster::data {
namespace {

const std::vector<std::byte> kFlakyBlob(1000, std::byte{7});

std::string flaky_name() {
  return "train-00000.h5: sample 2 (a.jpg)";
}

// A file system that fails `failures` times: with an error, an early end, or other bytes.
class FlakyFile {
 public:
  enum class Failure { kError, kEnd, kOtherBytes };
  FlakyFile(Failure failure, int failures) : failure_(failure), failures_(failures) {}

  bool operator()(std::span<std::byte> bytes) {
    std::ranges::copy(kFlakyBlob, bytes.begin());
    if (failures_-- <= 0) {
      return true;
    }
    errno = failure_ == Failure::kError ? EIO : 0;
    bytes[500] ^= std::byte{1};
    return failure_ == Failure::kOtherBytes;
  }

 private:
  Failure failure_;
  int failures_;
};

std::vector<std::byte> read_flaky(FlakyFile file, ReadStatistics& statistics) {
  std::vector<std::byte> blob(7, std::byte{9});  // of another sample, before
  read_checked({.kind = "image", .size = 1000, .crc32 = crc32_of(kFlakyBlob)}, file, flaky_name, statistics, blob);
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

TEST(ReadChecked, ReadsAgainWhatFailedOnceOrTwice) {
  ReadStatistics statistics;
  EXPECT_EQ(read_flaky({FlakyFile::Failure::kError, 1}, statistics), kFlakyBlob);
  EXPECT_EQ(read_flaky({FlakyFile::Failure::kOtherBytes, 2}, statistics), kFlakyBlob);
  EXPECT_EQ(statistics.counters().retries, 3U);
  EXPECT_EQ(statistics.counters().crc_failures, 2U);
  EXPECT_EQ(statistics.counters().reads, 2U);
}

TEST(ReadChecked, GivesUpAfterThreeTriesAndSaysWhy) {
  const std::vector<std::pair<FlakyFile::Failure, std::string>> cases = {{FlakyFile::Failure::kError, "Input/output error"},
                                                                         {FlakyFile::Failure::kEnd, "the file ends before it"},
                                                                         {FlakyFile::Failure::kOtherBytes, "its CRC-32 is"}};
  for (const auto& [failure, reason] : cases) {
    ReadStatistics statistics;
    try {
      (void)read_flaky({failure, 3}, statistics);
      FAIL() << reason;
    } catch (const DataError& error) {
      EXPECT_TRUE(std::string(error.what()).starts_with(flaky_name() + ": the image of 1000 bytes cannot be used: ")) << error.what();
      EXPECT_NE(std::string(error.what()).find(reason), std::string::npos) << error.what();
    }
    EXPECT_EQ(statistics.counters().retries, 2U);
    EXPECT_EQ(statistics.counters().reads, 0U);
  }
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
  EXPECT_EQ(reader.counters().crc_failures, 3U);
  EXPECT_EQ(reader.counters().retries, 2U);
}

TEST(ShardReader, AnnouncesReadsWithoutReadingOrFailing) {
  const TinyDataset packed(4, 2);
  const ShardReader reader = Dataset::open(packed.folder.path()).split("train");
  std::filesystem::remove(packed.folder / "train-00001.h5");
  reader.will_read(0);
  reader.will_read(3);  // read() says what is wrong
  EXPECT_EQ(reader.counters(), ReadCounters{});
  EXPECT_THROW((void)reader.read(3), DataError);
}

}  // namespace
}  // namespace muster::data
