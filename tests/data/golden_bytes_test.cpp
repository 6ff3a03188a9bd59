// The bytes of a semantic pack do not change within format 1.0: these digests are of files that the first version of the writer made.
#include <gtest/gtest.h>

#include "core/hash.hpp"
#include "data/mask_codec.hpp"
#include "data/shard_file.hpp"
#include "data/tiny_dataset.hpp"

namespace muster::data {
namespace {

// Stored bytes that no codec has a part in.
SampleRecord plain_record(std::uint32_t id) {
  SampleRecord record{.key = fmt::format("golden/{:02}.jpg", id),
                      .image = std::vector<std::byte>(40 + 9 * id, static_cast<std::byte>(id + 1)),
                      .image_codec = image::Codec::kJpeg,
                      .height = 3 + id,
                      .width = 5,
                      .source_height = 5,
                      .source_width = 3 + id,
                      .channels = 3,
                      .bit_depth = 8,
                      .orientation = 6,
                      .flags = static_cast<std::uint16_t>(id),
                      .mask = std::vector<std::byte>(17 + id, std::byte{0x5a}),
                      .mask_codec = image::Codec::kZlibRaw,
                      .mask_dtype = 1,
                      .histogram = {{.class_index = 0, .pixels = 4}, {.class_index = 2, .pixels = id + 1}}};
  return record;
}

TEST(ShardWriter, KeepsTheBytesOfFormat10) {
  const testing_support::TemporaryFolder folder;
  const Manifest manifest = pack_shards(folder.path(), {{plain_record(0), plain_record(1)}, {plain_record(2)}, {}}, tiny_identity(0));
  EXPECT_EQ(manifest.splits.at("train").fingerprint, "FINGERPRINT");
  EXPECT_EQ(file_digest(folder / "train-00000.h5").xxh3_128, "SHARD0");
  EXPECT_EQ(file_digest(folder / "train-00001.h5").xxh3_128, "SHARD1");
  EXPECT_EQ(file_digest(folder / "train-00002.h5").xxh3_128, "SHARD2");
  EXPECT_EQ(file_digest(folder / "index-train.h5").xxh3_128, "INDEX");
}

}  // namespace
}  // namespace muster::data
