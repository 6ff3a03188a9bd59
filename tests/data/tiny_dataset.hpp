// A packed data set of a few small images whose every pixel is known.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "data/dataset.hpp"
#include "data/shard_writer.hpp"
#include "support/temporary_folder.hpp"

namespace muster::data {

// Three classes: ids 0, 4 and 9, named field, house and lake.
ClassList tiny_classes();

// Sample `id`, upright: sides of 8 to 11 pixels, values that name sample, place and channel, labels 0 to 2 with a void corner.
Sample tiny_sample(std::uint32_t id);
// How it is stored: PNG and zlib; every fourth is stored turned, with EXIF orientation 6.
SampleRecord tiny_record(std::uint32_t id);
// Of shard `number` of split "train".
ShardIdentity tiny_identity(std::uint32_t number);

// Writes split "train" in `shards` shards of about equal length, with index and manifest.
Manifest pack_tiny(const std::filesystem::path& folder, std::uint32_t samples, std::uint32_t shards);
// Records of the caller's making, in one shard, or each inner list in one. `identity`: task and classes; its number is not used.
Manifest pack_records(const std::filesystem::path& folder, std::vector<SampleRecord> records);
Manifest pack_shards(const std::filesystem::path& folder, std::vector<std::vector<SampleRecord>> shards, const ShardIdentity& identity);

// Flips one bit of the byte at `offset` of a file.
void flip_byte(const std::filesystem::path& path, std::uint64_t offset);

struct TinyDataset {
  TinyDataset(std::uint32_t samples, std::uint32_t shards) : manifest(pack_tiny(folder.path(), samples, shards)) {}
  testing_support::TemporaryFolder folder;
  Manifest manifest;
};

}  // namespace muster::data
