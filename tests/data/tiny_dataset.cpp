#include "data/tiny_dataset.hpp"

#include <fstream>
#include <map>

#include <fmt/format.h>

#include "data/mask_codec.hpp"
#include "image/encode.hpp"
#include "image/orientation.hpp"

namespace muster::data {

ClassList tiny_classes() {
  return make_class_list({{9, "lake"}, {0, "field"}, {4, "house"}});
}

Sample tiny_sample(std::uint32_t id) {
  const int height = 8 + static_cast<int>(id % 3);
  const int width = 9 + static_cast<int>(id % 2) * 2;
  Sample sample{.id = id, .image = image::Image(height, width), .target = image::LabelMap(height, width)};
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      for (int c = 0; c < 3; ++c) {
        sample.image.row(y)[3 * x + c] = static_cast<std::uint8_t>(7 * static_cast<int>(id) + 16 * y + 3 * x + 80 * c);
      }
      sample.target.row(y)[x] = static_cast<std::uint16_t>((static_cast<int>(id) + y / 3 + x / 4) % 3);
    }
  }
  sample.target.values[0] = kVoidLabel;
  return sample;
}

SampleRecord tiny_record(std::uint32_t id) {
  const Sample sample = tiny_sample(id);
  const bool turned = id % 4 == 3;
  // Orientation 6 asks the reader to turn clockwise; so what is stored is turned the other way, which is 8.
  const image::Image stored = turned ? image::apply_orientation(sample.image, 8) : sample.image;
  SampleRecord record{.key = fmt::format("folder {}/image-{:03}.png", id % 2, id),
                      .image = image::encode_png(stored),
                      .image_codec = image::Codec::kPng,
                      .height = static_cast<std::uint32_t>(sample.image.height),
                      .width = static_cast<std::uint32_t>(sample.image.width),
                      .source_height = static_cast<std::uint32_t>(stored.height),
                      .source_width = static_cast<std::uint32_t>(stored.width),
                      .orientation = static_cast<std::uint8_t>(turned ? 6 : 1),
                      .mask = encode_mask(sample.target, 1),
                      .mask_codec = image::Codec::kZlibRaw,
                      .mask_dtype = 1,
                      .histogram = {}};
  std::map<std::uint16_t, std::uint32_t> histogram;
  for (const std::uint16_t label : sample.target.values) {
    histogram[label] += 1;
  }
  histogram.erase(kVoidLabel);
  for (const auto& [label, pixels] : histogram) {
    record.histogram.push_back({.class_index = label, .pixels = pixels});
  }
  return record;
}

ShardIdentity tiny_identity(std::uint32_t number) {
  ShardIdentity identity;
  identity.split = "train";
  identity.plan_hash = "0123";
  identity.producer = "muster test";
  identity.number = number;
  identity.classes = tiny_classes();
  return identity;
}

Manifest pack_shards(const std::filesystem::path& folder, std::vector<std::vector<SampleRecord>> shards, const ShardIdentity& identity) {
  ManifestSplit split;
  split.plan_hash = identity.plan_hash;
  for (std::vector<SampleRecord>& records : shards) {
    ShardIdentity numbered = identity;
    numbered.number = static_cast<std::uint32_t>(split.shards.size());
    ShardWriter writer(numbered);
    for (SampleRecord& record : records) {
      writer.add(std::move(record));
    }
    split.shards.push_back(writer.finish(folder));
  }
  split.num_samples = link_shards(split.shards);
  const SplitIndex index = write_split_index(folder, identity, split.shards);
  split.index = index.file;
  split.fingerprint = index.fingerprint;
  Manifest manifest;
  manifest.task = identity.task;
  manifest.multi_label = identity.multi_label;
  manifest.producer = {{"muster", "test"}};
  manifest.classes = identity.classes;
  manifest.splits[identity.split] = split;
  write_manifest(folder, manifest);
  return manifest;
}

Manifest pack_tiny(const std::filesystem::path& folder, std::uint32_t samples, std::uint32_t shards) {
  std::vector<std::vector<SampleRecord>> records(shards);
  for (std::uint32_t shard = 0; shard < shards; ++shard) {
    for (std::uint32_t id = samples * shard / shards; id < samples * (shard + 1) / shards; ++id) {
      records[shard].push_back(tiny_record(id));
    }
  }
  return pack_shards(folder, std::move(records), tiny_identity(0));
}

Manifest pack_records(const std::filesystem::path& folder, std::vector<SampleRecord> records) {
  std::vector<std::vector<SampleRecord>> shards;
  shards.push_back(std::move(records));
  return pack_shards(folder, std::move(shards), tiny_identity(0));
}

void flip_byte(const std::filesystem::path& path, std::uint64_t offset) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(static_cast<std::streamoff>(offset));
  const int value = file.get();
  ASSERT_TRUE(file.good()) << path << " at " << offset;
  file.seekp(static_cast<std::streamoff>(offset));
  file.put(static_cast<char>(value ^ 0x10));
}

}  // namespace muster::data
