// Writes one shard: collects encoded samples in memory, then puts them into an HDF5 file in one go.
//
//   ShardWriter writer({.task = ..., .split = "train", .plan_hash = ..., .number = 17, .classes = classes});
//   writer.add({.key = "a/b.jpg", .image = jpeg_bytes, ...});
//   const ShardSummary summary = writer.finish(folder);   // folder/train-00017.h5
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "data/class_list.hpp"
#include "data/index_columns.hpp"
#include "data/manifest.hpp"
#include "data/segment.hpp"
#include "data/shard_format.hpp"
#include "data/target_kind.hpp"
#include "image/codec.hpp"

namespace muster::data {

// What is the same for all samples of a shard; also what the attributes of shard and index files say.
struct ShardIdentity {
  std::string task = "semantic_segmentation";
  std::string split;
  std::string plan_hash;
  std::string producer;  // "muster 0.1.0"
  std::string orientation_policy = "auto";
  std::uint32_t number = 0;  // of the shard in its split
  ClassList classes;
  bool multi_label = false;  // image_classification with several labels per image

  TargetKind target() const { return target_kind(task, multi_label); }
};

struct ClassPixels {
  std::uint16_t class_index = 0;  // dense
  std::uint32_t pixels = 0;
  bool operator==(const ClassPixels&) const = default;
};

// One sample to store. Columns of the same names are described in index_columns.hpp.
struct SampleRecord {
  std::string key;
  std::vector<std::byte> image;
  image::Codec image_codec = image::Codec::kNone;
  std::uint32_t height = 0, width = 0;  // upright
  std::uint32_t source_height = 0, source_width = 0;
  std::uint8_t channels = 3;
  std::uint8_t bit_depth = 8;
  std::uint8_t orientation = 1;
  std::uint16_t flags = 0;
  std::vector<std::byte> mask;  // empty = none; see mask_codec.hpp
  image::Codec mask_codec = image::Codec::kNone;
  std::uint8_t mask_dtype = 1;
  std::vector<ClassPixels> histogram;  // ascending class_index, pixels > 0
  std::int32_t label = -1;             // dense index; -1 = unlabelled
  std::vector<std::int32_t> labels{};  // dense indices, ascending
  std::vector<Segment> segments{};     // of the mask, whose values are 1 + their position here
};

using ShardSummary = ManifestShard;  // first_index is 0 until link_shards() sets it

// Memory: the shard's payload. One thread per writer; several writers may work at the same time.
class ShardWriter {
 public:
  explicit ShardWriter(ShardIdentity identity);

  // InvariantError for a record that contradicts itself, DataError for an image of 4 GiB or more.
  void add(SampleRecord record);
  std::uint64_t payload_bytes() const noexcept { return payload_bytes_; }
  std::size_t num_samples() const noexcept { return columns_.size(); }

  // Writes `folder`/train-00017.h5 under a temporary name, flushes it, renames it. The same records give the same bytes.
  // OutputError when the disk is full or a write fails; nothing is left under either name then. Call once.
  ShardSummary finish(const std::filesystem::path& folder);

 private:
  ShardIdentity identity_;
  IndexColumns columns_;
  std::vector<std::vector<std::byte>> blobs_;  // in order of their offsets
  std::vector<std::uint64_t> blob_offsets_;
  std::uint64_t payload_bytes_ = kPayloadHeaderBytes;
};

// The summary of a shard that an earlier, interrupted run has finished. DataError when it is damaged or of another
// identity (plan hash, split, number).
ShardSummary summarise_shard(const std::filesystem::path& path, const ShardIdentity& identity);

// /index of one shard, checked. Also reads index-<split>.h5.
IndexColumns read_columns(const std::filesystem::path& path);

// Sets first_index of each shard to the number of samples before it; returns the total. DataError at 2^32 samples.
std::uint32_t link_shards(std::span<ShardSummary> shards);

struct SplitIndex {
  ManifestIndex file;
  std::string fingerprint;
  IndexColumns columns;  // of the whole split, in order of sample id
};
// Joins the shards' index columns into `folder`/index-<split>.h5 (atomic), with a column that says which shard a sample is in.
// `generation` is the manifest's.
SplitIndex write_split_index(const std::filesystem::path& folder, const ShardIdentity& identity, std::span<const ShardSummary> shards,
                             std::uint32_t generation = 0);

}  // namespace muster::data
