// The bytes of a semantic pack do not change within format 1.0. fixtures/format_1_0 is what write_tiny_dataset wrote before other tasks
// were packed: it must be read as then, and its blobs written again must give the same files.
#include <gtest/gtest.h>

#include "core/atomic_file.hpp"
#include "data/shard_file.hpp"
#include "data/tiny_dataset.hpp"

namespace muster::data {
namespace {

std::filesystem::path golden_folder() {
  return std::filesystem::path(MUSTER_SOURCE_DIR) / "tests/data/fixtures/format_1_0";
}

// Sample `id` as it is stored, whatever codecs this build has.
SampleRecord stored_record(const ShardReader& reader, const IndexColumns& c, std::uint32_t id) {
  const EncodedSample encoded = reader.read(id);
  return {.key = c.key[id],
          .image = encoded.image,
          .image_codec = c.image_codec[id],
          .height = c.height[id],
          .width = c.width[id],
          .source_height = c.source_height[id],
          .source_width = c.source_width[id],
          .channels = c.channels[id],
          .bit_depth = c.bit_depth[id],
          .orientation = c.orientation[id],
          .flags = c.flags[id],
          .mask = encoded.mask,
          .mask_codec = c.mask_codec[id],
          .mask_dtype = c.mask_dtype[id],
          .histogram = reader.class_histogram(id)};
}

TEST(Dataset, OfTheFirstWriterIsReadAsThen) {
  const ShardReader reader = Dataset::open(golden_folder()).split("train");
  ASSERT_EQ(reader.size(), 11U);
  for (std::uint32_t id = 0; id < reader.size(); ++id) {
    const Sample sample = decode(reader.read(id));
    EXPECT_EQ(sample.image, tiny_sample(id).image) << id;
    EXPECT_EQ(sample.target, tiny_sample(id).target) << id;
  }
}

TEST(ShardWriter, KeepsTheBytesOfFormat10) {
  const Manifest golden = read_manifest(golden_folder());
  const ManifestSplit& split = golden.splits.at("train");
  const ShardReader reader(golden_folder(), "train", golden);
  const IndexColumns columns = read_columns(golden_folder() / split.index.file);
  std::vector<std::vector<SampleRecord>> shards;
  for (const ManifestShard& shard : split.shards) {
    shards.emplace_back();
    for (std::uint32_t id = shard.first_index; id < shard.first_index + shard.num_samples; ++id) {
      shards.back().push_back(stored_record(reader, columns, id));
    }
  }
  const testing_support::TemporaryFolder folder;
  const Manifest again = pack_shards(folder.path(), std::move(shards), tiny_identity(0));
  for (const char* name : {"train-00000.h5", "train-00001.h5", "train-00002.h5", "index-train.h5"}) {
    EXPECT_TRUE(read_file(folder / name) == read_file(golden_folder() / name)) << name;
  }
  EXPECT_EQ(again.splits.at("train").fingerprint, split.fingerprint);
}

}  // namespace
}  // namespace muster::data
