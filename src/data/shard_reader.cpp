#include "data/shard_reader.hpp"

#include <cerrno>
#include <span>

#include "core/error.hpp"
#include "core/hash.hpp"
#include "data/mask_codec.hpp"
#include "data/shard_fds.hpp"
#include "data/shard_file.hpp"
#include "image/decode.hpp"
#include "image/orientation.hpp"

namespace muster::data {

namespace {

constexpr int kTries = 3;  // a network file system may fail once

IndexFile open_index(const std::filesystem::path& folder, const std::string& split, const ManifestSplit& wanted) {
  const std::filesystem::path path = folder / wanted.index.file;
  const FileDigest digest = file_digest(path);
  if (digest.bytes != wanted.index.bytes || digest.xxh3_128 != wanted.index.xxh3_128) {
    throw DataError("index {} has {} bytes with XXH3-128 {}, the manifest wants {} with {}; it is damaged: copy it again, or pack again",
                    path.string(), digest.bytes, digest.xxh3_128, wanted.index.bytes, wanted.index.xxh3_128);
  }
  IndexFile index = read_index_file(path);
  if (index.columns.size() != wanted.num_samples || index.head.split != split) {
    throw DataError("index {} lists {} samples of split {}, the manifest wants {} of {}; pack again", path.string(), index.columns.size(),
                    index.head.split, wanted.num_samples, split);
  }
  if (const std::string found = fingerprint(index.columns); found != wanted.fingerprint) {
    throw DataError("index {}: fingerprint {}, the manifest wants {}; pack again", path.string(), found, wanted.fingerprint);
  }
  for (std::size_t id = 0; id < index.shard.size(); ++id) {
    const std::uint32_t shard = index.shard[id];
    if (shard >= wanted.shards.size() || id - wanted.shards[shard].first_index >= wanted.shards[shard].num_samples) {
      throw DataError("index {}: sample {} is said to be in shard {}, the manifest says otherwise; pack again", path.string(), id, shard);
    }
  }
  return index;
}

}  // namespace

struct ShardReader::State {
  State(const std::filesystem::path& folder, std::string split_name, const ManifestSplit& wanted)
      : split(std::move(split_name)),
        fingerprint(wanted.fingerprint),
        shards(wanted.shards),
        index(open_index(folder, split, wanted)),
        fds(folder, wanted.shards) {}

  std::string split;
  std::string fingerprint;
  std::vector<ManifestShard> shards;
  IndexFile index;
  mutable ShardFds fds;

  // The index, for row `id`.
  const IndexColumns& row(std::uint32_t id) const {
    check(id < index.columns.size(), "ShardReader: sample {} of {}", id, index.columns.size());
    return index.columns;
  }

  // "train-00017.h5: sample 42 (a/b.jpg)", 42 counted within the shard
  std::string place(std::uint32_t id) const {
    const std::string& key = row(id).key[id];
    const ManifestShard& shard = shards[index.shard[id]];
    return fmt::format("{}: sample {} ({})", shard.file, id - shard.first_index, key);
  }

  std::vector<std::byte> read_blob(std::uint32_t id, const char* kind, std::uint64_t offset, std::uint32_t size,
                                   std::uint32_t crc32) const {
    const ManifestShard& shard = shards[index.shard[id]];
    if (offset > shard.payload_bytes || size > shard.payload_bytes - offset) {
      throw DataError("{}: its {} would end at byte {} of a payload of {}; pack again", place(id), kind, offset + size,
                      shard.payload_bytes);
    }
    const std::shared_ptr<const OpenShard> open = fds.get(index.shard[id]);
    std::vector<std::byte> blob(size);
    std::string problem;
    for (int attempt = 0; attempt < kTries; ++attempt) {
      if (!read_fully(open->fd.get(), open->payload_address + offset, blob)) {
        problem = errno == 0 ? "the file ends before it" : errno_text(errno);
      } else if (const std::uint32_t found = crc32_of(blob); found != crc32) {
        problem = fmt::format("its CRC-32 is {:08x}, wanted {:08x}", found, crc32);
      } else {
        return blob;
      }
    }
    throw DataError("{}: the {} of {} bytes cannot be used: {}; repack this shard, or copy it again", place(id), kind, size, problem);
  }
};

ShardReader::ShardReader(std::filesystem::path folder, std::string split, const Manifest& manifest) {
  const auto found = manifest.splits.find(split);
  check(found != manifest.splits.end(), "ShardReader: no split {}", split);
  state_ = std::make_unique<State>(folder, std::move(split), found->second);
  for (const ManifestShard& shard : found->second.shards) {
    if (!std::filesystem::is_regular_file(folder / shard.file)) {
      throw DataError("shard {} with {} samples is missing; copy it there, or pack again", (folder / shard.file).string(),
                      shard.num_samples);
    }
  }
}

ShardReader::~ShardReader() = default;
ShardReader::ShardReader(ShardReader&&) noexcept = default;
ShardReader& ShardReader::operator=(ShardReader&&) noexcept = default;

std::uint32_t ShardReader::size() const noexcept {
  return static_cast<std::uint32_t>(state_->index.columns.size());
}
const std::string& ShardReader::split() const noexcept {
  return state_->split;
}
const std::string& ShardReader::fingerprint() const noexcept {
  return state_->fingerprint;
}

std::string ShardReader::key(std::uint32_t id) const {
  return state_->row(id).key[id];
}

std::pair<int, int> ShardReader::upright_size(std::uint32_t id) const {
  const IndexColumns& c = state_->row(id);
  return {static_cast<int>(c.height[id]), static_cast<int>(c.width[id])};
}

std::vector<ClassPixels> ShardReader::class_histogram(std::uint32_t id) const {
  const IndexColumns& c = state_->row(id);
  std::vector<ClassPixels> entries;
  for (std::uint64_t e = c.class_ptr[id]; e < c.class_ptr[id + 1]; ++e) {
    entries.push_back({.class_index = c.class_id[e], .pixels = c.class_pixels[e]});
  }
  return entries;
}

EncodedSample ShardReader::read(std::uint32_t id) const {
  const IndexColumns& c = state_->row(id);
  EncodedSample sample{.id = id,
                       .key = c.key[id],
                       .image_codec = c.image_codec[id],
                       .image = state_->read_blob(id, "image", c.image_offset[id], c.image_size[id], c.image_crc32[id]),
                       .orientation = c.orientation[id],
                       .height = static_cast<int>(c.height[id]),
                       .width = static_cast<int>(c.width[id]),
                       .mask_codec = c.mask_codec[id],
                       .mask = {},
                       .mask_dtype = c.mask_dtype[id]};
  if (c.mask_size[id] > 0) {
    sample.mask = state_->read_blob(id, "mask", c.mask_offset[id], c.mask_size[id], c.mask_crc32[id]);
  }
  return sample;
}

std::string ShardReader::place(std::uint32_t id) const {
  return state_->place(id);
}

Sample decode(const EncodedSample& encoded, std::string_view where) {
  Sample sample{
      .id = encoded.id, .image = image::apply_orientation(image::decode_rgb(encoded.image, where), encoded.orientation), .target = {}};
  if (sample.image.height != encoded.height || sample.image.width != encoded.width) {
    throw DataError("{}: the image is {} x {} (height x width) upright, the index says {} x {}; repack this shard", where,
                    sample.image.height, sample.image.width, encoded.height, encoded.width);
  }
  if (!encoded.mask.empty()) {
    sample.target = decode_mask(encoded.mask, encoded.mask_codec, encoded.mask_dtype, encoded.height, encoded.width, where);
  }
  return sample;
}

Sample decode(const EncodedSample& encoded) {
  return decode(encoded, fmt::format("sample {} ({})", encoded.id, encoded.key));
}

}  // namespace muster::data
