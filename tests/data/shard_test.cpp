#include "data/shard_writer.hpp"

#include <fstream>

#include <gtest/gtest.h>

#include "core/atomic_file.hpp"
#include "core/error.hpp"
#include "data/tiny_dataset.hpp"

namespace muster::data {
namespace {

TEST(ShardWriter, GivesBackEverySamplePixelForPixel) {
  const TinyDataset packed(11, 3);
  const Dataset dataset = Dataset::open(packed.folder.path());
  const ShardReader reader = dataset.split("train");
  ASSERT_EQ(reader.size(), 11U);
  for (std::uint32_t id = 0; id < reader.size(); ++id) {
    SCOPED_TRACE(id);
    const SampleRecord record = tiny_record(id);
    const EncodedSample encoded = reader.read(id);
    EXPECT_EQ(encoded.key, record.key);
    EXPECT_EQ(reader.key(id), record.key);
    EXPECT_EQ(encoded.image, record.image);  // copied byte for byte
    EXPECT_EQ(encoded.orientation, record.orientation);
    const Sample sample = decode(encoded);
    EXPECT_EQ(sample.id, id);
    EXPECT_EQ(sample.image, tiny_sample(id).image);  // upright, also where it is stored turned
    EXPECT_EQ(sample.target, tiny_sample(id).target);
    EXPECT_EQ(reader.class_histogram(id), record.histogram);
    EXPECT_EQ(reader.upright_size(id), std::pair(sample.image.height, sample.image.width));
  }
}

TEST(ShardReader, RefusesASampleThatIsNotThere) {
  const TinyDataset packed(3, 1);
  const ShardReader reader = Dataset::open(packed.folder.path()).split("train");
  EXPECT_THROW((void)reader.read(3), InvariantError);
  EXPECT_THROW((void)reader.key(3), InvariantError);
}

TEST(ShardWriter, WritesTheSameBytesForTheSameSamples) {
  const TinyDataset one(6, 2);
  const TinyDataset two(6, 2);
  for (const char* name : {"train-00000.h5", "train-00001.h5", "index-train.h5", "manifest.json"}) {
    EXPECT_EQ(read_file(one.folder / name), read_file(two.folder / name)) << name;
  }
}

TEST(ShardWriter, LeavesNothingButItsFile) {
  const TinyDataset packed(3, 1);
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(packed.folder.path())) {
    EXPECT_EQ(entry.path().string().find(".tmp"), std::string::npos);
    ++files;
  }
  EXPECT_EQ(files, 3U);  // shard, index, manifest
}

TEST(ShardWriter, LeavesNothingBehindWhereItCannotWrite) {
  const testing_support::TemporaryFolder folder;
  ShardWriter writer(tiny_identity(0));
  writer.add(tiny_record(0));
  EXPECT_THROW((void)writer.finish(folder / "nowhere"), OutputError);
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(ShardWriter, RefusesRecordsThatContradictThemselves) {
  ShardWriter writer(tiny_identity(0));
  SampleRecord record = tiny_record(0);
  record.mask_dtype = 2;  // three classes are stored in 8 bits
  EXPECT_THROW(writer.add(record), InvariantError);
  record = tiny_record(0);
  record.histogram = {{.class_index = 3, .pixels = 1}};
  EXPECT_THROW(writer.add(record), InvariantError);
}

TEST(ShardWriter, SummarisesAFinishedShardAsWhenItWasWritten) {
  const TinyDataset packed(5, 2);
  ShardIdentity identity = tiny_identity(1);
  ShardSummary summary = summarise_shard(packed.folder / "train-00001.h5", identity);
  summary.first_index = 2;
  EXPECT_EQ(summary, packed.manifest.splits.at("train").shards[1]);
  identity.plan_hash = "another plan";
  EXPECT_THROW((void)summarise_shard(packed.folder / "train-00001.h5", identity), DataError);
}

TEST(IndexColumns, FingerprintKnowsContentAndOrderButNotShards) {
  const TinyDataset two(6, 2);
  const TinyDataset three(6, 3);
  const TinyDataset fewer(5, 2);
  EXPECT_EQ(two.manifest.splits.at("train").fingerprint, three.manifest.splits.at("train").fingerprint);
  EXPECT_NE(two.manifest.splits.at("train").fingerprint, fewer.manifest.splits.at("train").fingerprint);
  IndexColumns columns = read_columns(two.folder / "index-train.h5");
  const std::string before = fingerprint(columns);
  std::swap(columns.mask_crc32[0], columns.mask_crc32[1]);
  EXPECT_NE(fingerprint(columns), before);
}

TEST(IndexColumns, AreJoinedInOrder) {
  const TinyDataset packed(7, 3);
  IndexColumns joined;
  for (const char* name : {"train-00000.h5", "train-00001.h5", "train-00002.h5"}) {
    append_columns(joined, read_columns(packed.folder / name));
  }
  EXPECT_EQ(joined, read_columns(packed.folder / "index-train.h5"));
  EXPECT_EQ(joined.key[6], tiny_record(6).key);
}

TEST(ShardFormat, NamesAreThoseOfTheContract) {
  EXPECT_EQ(shard_file_name("train", 17), "train-00017.h5");
  // XXH3-128 of "p\ntrain\n3", by `printf 'p\ntrain\n3' | xxhsum -H128`
  EXPECT_EQ(to_hex(shard_uuid("p", "train", 3)), "f4918c4e0c7d4815cdd82b9a3dfe66e5");
  EXPECT_EQ(uuid_from_hex(to_hex(shard_uuid("p", "train", 3)), "here"), shard_uuid("p", "train", 3));
}

}  // namespace
}  // namespace muster::data
