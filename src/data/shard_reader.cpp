#include "data/shard_reader.hpp"

#include <algorithm>
#include <array>
#include <span>

#include <fcntl.h>

#include "core/error.hpp"
#include "data/mask_codec.hpp"
#include "data/shard_blob.hpp"
#include "data/shard_fds.hpp"
#include "data/shard_file.hpp"
#include "image/decode.hpp"
#include "image/orientation.hpp"

namespace muster::data {

namespace {

// The columns of the index that samples are read by.
struct MappedRows {
  explicit MappedRows(const IndexMap& map)
      : image_offset(map.column<std::uint64_t>("index/image_offset")),
        mask_offset(map.column<std::uint64_t>("index/mask_offset")),
        image_size(map.column<std::uint32_t>("index/image_size")),
        image_crc32(map.column<std::uint32_t>("index/image_crc32")),
        mask_size(map.column<std::uint32_t>("index/mask_size")),
        mask_crc32(map.column<std::uint32_t>("index/mask_crc32")),
        height(map.column<std::uint32_t>("index/height")),
        width(map.column<std::uint32_t>("index/width")),
        shard(map.column<std::uint32_t>("index/shard")),
        image_codec(map.column<image::Codec>("index/image_codec")),
        mask_codec(map.column<image::Codec>("index/mask_codec")),
        orientation(map.column<std::uint8_t>("index/orientation")),
        mask_dtype(map.column<std::uint8_t>("index/mask_dtype")),
        class_ptr(map.column<std::uint64_t>("index/class_ptr")),
        class_id(map.column<std::uint16_t>("index/class_id")),
        class_pixels(map.column<std::uint32_t>("index/class_pixels")),
        label(map.column<std::int32_t>("index/label")),
        labels_ptr(map.column<std::uint64_t>("index/labels_ptr")),
        labels(map.column<std::int32_t>("index/labels")),
        segments_ptr(map.column<std::uint64_t>("segments/ptr")),
        segment_original_id(map.column<std::uint32_t>("segments/original_id")),
        segment_class(map.column<std::int32_t>("segments/class")),
        segment_iscrowd(map.column<std::uint8_t>("segments/iscrowd")),
        segment_area(map.column<std::uint32_t>("segments/area")),
        segment_bbox(map.column<std::array<std::int32_t, 4>>("segments/bbox")) {}

  MappedColumn<std::uint64_t> image_offset, mask_offset;
  MappedColumn<std::uint32_t> image_size, image_crc32, mask_size, mask_crc32, height, width, shard;
  MappedColumn<image::Codec> image_codec, mask_codec;
  MappedColumn<std::uint8_t> orientation, mask_dtype;
  MappedColumn<std::uint64_t> class_ptr;
  MappedColumn<std::uint16_t> class_id;
  MappedColumn<std::uint32_t> class_pixels;
  MappedColumn<std::int32_t> label;
  MappedColumn<std::uint64_t> labels_ptr;
  MappedColumn<std::int32_t> labels;
  MappedColumn<std::uint64_t> segments_ptr;
  MappedColumn<std::uint32_t> segment_original_id;
  MappedColumn<std::int32_t> segment_class;
  MappedColumn<std::uint8_t> segment_iscrowd;
  MappedColumn<std::uint32_t> segment_area;
  MappedColumn<std::array<std::int32_t, 4>> segment_bbox;
};

struct EntryRange {
  std::uint64_t begin = 0, end = 0;
};

// One look at each file's length. Another program may have rewritten a shard, so the length need not be that of the manifest.
void check_shards_are_there(const std::filesystem::path& folder, const std::vector<ManifestShard>& shards) {
  for (const ManifestShard& shard : shards) {
    std::error_code error;
    const std::uint64_t bytes = std::filesystem::file_size(folder / shard.file, error);
    if (error) {
      throw DataError("shard {} with {} samples is missing or cannot be read ({}); copy it there, or pack again",
                      (folder / shard.file).string(), shard.num_samples, error.message());
    }
    if (bytes < shard.payload_bytes) {
      throw DataError("shard {} has {} bytes, but its payload alone {}; it is truncated: copy it again", (folder / shard.file).string(),
                      bytes, shard.payload_bytes);
    }
  }
}

}  // namespace

struct ShardReader::State {
  State(const std::filesystem::path& folder, std::string split_name, const ManifestSplit& wanted, IndexCheck index_check,
        const ReadOptions& options)
      : split(std::move(split_name)),
        fingerprint(wanted.fingerprint),
        shards(wanted.shards),
        map(folder, split, wanted, index_check),
        rows(map),
        fds(folder, wanted.shards, options.way),
        waits(options.waits) {}

  std::string split;
  std::string fingerprint;
  std::vector<ManifestShard> shards;
  IndexMap map;
  MappedRows rows;
  mutable ShardFds fds;
  RetryWaits waits;
  mutable ReadStatistics statistics;

  // The columns, for row `id`.
  const MappedRows& row(std::uint32_t id) const {
    check(id < map.size(), "ShardReader: sample {} of {}", id, map.size());
    return rows;
  }

  // Of a sample's entries in a column that `pointers` point into; nothing where the task has no such column. An index that was written
  // over since it was checked gives wrong numbers, but leads to no other memory.
  static EntryRange entries(const MappedColumn<std::uint64_t>& pointers, std::size_t length, std::uint32_t id) {
    if (pointers.empty()) {
      return {};
    }
    const std::uint64_t end = std::min<std::uint64_t>(pointers[id + std::size_t{1}], length);
    return {.begin = std::min(pointers[id], end), .end = end};
  }

  // "train-00017.h5: sample 42 (a/b.jpg)", 42 counted within the shard
  std::string place(std::uint32_t id) const {
    const ManifestShard& shard = shards.at(row(id).shard[id]);
    return fmt::format("{}: sample {} ({})", shard.file, id - shard.first_index, map.keys()[id]);
  }

  void read_blob(std::uint32_t id, const BlobPlace& blob, std::uint64_t offset, std::vector<std::byte>& into) const {
    const std::uint32_t number = rows.shard[id];
    const ManifestShard& shard = shards.at(number);
    if (offset > shard.payload_bytes || blob.size > shard.payload_bytes - offset) {
      throw DataError("{}: its {} would end at byte {} of a payload of {}; pack again", place(id), blob.kind, offset + blob.size,
                      shard.payload_bytes);
    }
    ShardBlob source(fds, number, offset, blob.size);
    read_checked(blob, source, [&] { return place(id); }, waits, statistics, into);
  }

  void labels(std::uint32_t id, std::vector<std::int32_t>& all) const {
    all.clear();
    const EntryRange range = entries(rows.labels_ptr, rows.labels.size(), id);
    for (std::uint64_t e = range.begin; e < range.end; ++e) {
      all.push_back(rows.labels[e]);
    }
  }

  std::vector<Segment> segments(std::uint32_t id) const {
    std::vector<Segment> all;
    const EntryRange range = entries(rows.segments_ptr, rows.segment_class.size(), id);
    for (std::uint64_t e = range.begin; e < range.end; ++e) {
      all.push_back({.original_id = rows.segment_original_id[e],
                     .class_index = rows.segment_class[e],
                     .iscrowd = rows.segment_iscrowd[e],
                     .area = rows.segment_area[e],
                     .bbox = rows.segment_bbox[e]});
    }
    return all;
  }
};

ShardReader::ShardReader(std::filesystem::path folder, std::string split, const Manifest& manifest, IndexCheck index_check,
                         const ReadOptions& options) {
  const auto found = manifest.splits.find(split);
  check(found != manifest.splits.end(), "ShardReader: no split {}", split);
  state_ = std::make_unique<State>(folder, std::move(split), found->second, index_check, options);
  if (index_check == IndexCheck::kWhole) {
    check_shards_are_there(folder, found->second.shards);
  }
}

ShardReader::~ShardReader() = default;
ShardReader::ShardReader(ShardReader&&) noexcept = default;
ShardReader& ShardReader::operator=(ShardReader&&) noexcept = default;

std::uint32_t ShardReader::size() const noexcept {
  return static_cast<std::uint32_t>(state_->map.size());
}
const std::string& ShardReader::split() const noexcept {
  return state_->split;
}
const std::string& ShardReader::fingerprint() const noexcept {
  return state_->fingerprint;
}
TargetKind ShardReader::target() const noexcept {
  return state_->map.head().target;
}
ReadCounters ShardReader::counters() const noexcept {
  ReadCounters counters = state_->statistics.counters();
  const CacheCounters cache = state_->fds.counters();
  counters.cache_hits = cache.hits;
  counters.cache_misses = cache.misses;
  counters.cache_evictions = cache.evictions;
  return counters;
}

std::string ShardReader::key(std::uint32_t id) const {
  static_cast<void>(state_->row(id));
  return std::string(state_->map.keys()[id]);
}

std::pair<int, int> ShardReader::upright_size(std::uint32_t id) const {
  const MappedRows& rows = state_->row(id);
  return {static_cast<int>(rows.height[id]), static_cast<int>(rows.width[id])};
}

std::vector<ClassPixels> ShardReader::class_histogram(std::uint32_t id) const {
  std::vector<ClassPixels> histogram;
  class_histogram_into(id, histogram);
  return histogram;
}

void ShardReader::class_histogram_into(std::uint32_t id, std::vector<ClassPixels>& histogram) const {
  const MappedRows& rows = state_->row(id);
  histogram.clear();
  const EntryRange range = State::entries(rows.class_ptr, rows.class_id.size(), id);
  for (std::uint64_t e = range.begin; e < range.end; ++e) {
    histogram.push_back({.class_index = rows.class_id[e], .pixels = rows.class_pixels[e]});
  }
}

std::vector<std::int32_t> ShardReader::labels(std::uint32_t id) const {
  std::vector<std::int32_t> all;
  labels_into(id, all);
  return all;
}

void ShardReader::labels_into(std::uint32_t id, std::vector<std::int32_t>& labels) const {
  const MappedRows& rows = state_->row(id);
  if (!rows.label.empty() && rows.label[id] >= 0) {
    labels.assign(1, rows.label[id]);
  } else {
    state_->labels(id, labels);
  }
}

EncodedSample ShardReader::read(std::uint32_t id) const {
  EncodedSample sample;
  read_into(id, sample);
  return sample;
}

void ShardReader::read_into(std::uint32_t id, EncodedSample& sample) const {
  const MappedRows& rows = state_->row(id);
  state_->map.check_length();  // a question to the kernel: here, where a blob is read too, not for every look into a column
  sample.id = id;
  sample.key = state_->map.keys()[id];
  sample.image_codec = rows.image_codec[id];
  sample.orientation = rows.orientation[id];
  sample.height = static_cast<int>(rows.height[id]);
  sample.width = static_cast<int>(rows.width[id]);
  sample.mask_codec = rows.mask_codec[id];
  sample.mask_dtype = rows.mask_dtype[id];
  sample.kind = target();
  sample.label = rows.label.empty() ? -1 : rows.label[id];
  state_->labels(id, sample.labels);
  sample.segments = state_->segments(id);
  sample.mask.clear();
  const auto blob = [&](const char* kind, std::uint32_t size, std::uint32_t crc32, std::uint64_t offset, std::vector<std::byte>& into) {
    state_->read_blob(id, {.kind = kind, .size = size, .crc32 = crc32}, offset, into);
  };
  blob("image", rows.image_size[id], rows.image_crc32[id], rows.image_offset[id], sample.image);
  if (rows.mask_size[id] > 0) {
    blob("mask", rows.mask_size[id], rows.mask_crc32[id], rows.mask_offset[id], sample.mask);
  }
}

void ShardReader::will_read(std::uint32_t id) const noexcept {
  try {
    const MappedRows& rows = state_->row(id);
    const std::shared_ptr<const OpenShard> open = state_->fds.get(rows.shard[id]);
    const std::uint64_t begin = rows.image_offset[id];
    const std::uint64_t image_end = begin + rows.image_size[id];
    const std::uint64_t end = std::max(image_end, rows.mask_size[id] > 0 ? rows.mask_offset[id] + rows.mask_size[id] : 0);
    ::posix_fadvise(open->fd.get(), static_cast<off_t>(open->payload_address + begin), static_cast<off_t>(end - begin),
                    POSIX_FADV_WILLNEED);
  } catch (const Error&) {
    return;  // read() finds the same, where it can be told
  }
}

std::string ShardReader::place(std::uint32_t id) const {
  return state_->place(id);
}

image::LabelMap decode_target(const EncodedSample& encoded, std::string_view where) {
  if (encoded.mask.empty()) {
    return {};
  }
  if (encoded.kind == TargetKind::kSegmentMask) {
    return decode_segment_mask(encoded.mask, encoded.mask_codec, encoded.mask_dtype, encoded.height, encoded.width, encoded.segments.size(),
                               where);
  }
  return decode_mask(encoded.mask, encoded.mask_codec, encoded.mask_dtype, encoded.height, encoded.width, where);
}

Sample decode(const EncodedSample& encoded, std::string_view where) {
  Sample sample{
      .id = encoded.id, .image = image::apply_orientation(image::decode_rgb(encoded.image, where), encoded.orientation), .target = {}};
  if (sample.image.height != encoded.height || sample.image.width != encoded.width) {
    throw DataError("{}: the image is {} x {} (height x width) upright, the index says {} x {}; repack this shard", where,
                    sample.image.height, sample.image.width, encoded.height, encoded.width);
  }
  sample.target = decode_target(encoded, where);
  sample.label = encoded.label;
  sample.labels = encoded.labels;
  sample.segments = encoded.segments;
  return sample;
}

Sample decode(const EncodedSample& encoded) {
  return decode(encoded, fmt::format("sample {} ({})", encoded.id, encoded.key));
}

}  // namespace muster::data
