#include "data/shard_writer.hpp"

#include <limits>

#include "core/atomic_file.hpp"
#include "core/error.hpp"
#include "core/hash.hpp"
#include "data/shard_file.hpp"

namespace muster::data {

namespace {

constexpr std::uint64_t kLargestBlob = std::numeric_limits<std::uint32_t>::max();

std::uint64_t aligned(std::uint64_t bytes) noexcept {
  return (bytes + kBlobAlignment - 1) / kBlobAlignment * kBlobAlignment;
}

std::uint32_t blob_size(const std::vector<std::byte>& blob, const std::string& key) {
  if (blob.size() > kLargestBlob) {
    throw DataError("{}: {} encoded bytes, at most {} fit a shard; store this image smaller", key, blob.size(), kLargestBlob);
  }
  return static_cast<std::uint32_t>(blob.size());
}

std::uint8_t wanted_dtype(const SampleRecord& record, TargetKind kind, const ClassList& classes) noexcept {
  if (kind == TargetKind::kSegmentMask) {
    return record.segments.size() <= kMostSegments8 ? 1 : 2;
  }
  return static_cast<std::uint8_t>(classes.stored_dtype());
}

void check_target(const SampleRecord& record, TargetKind kind, const ClassList& classes) {
  const bool masks = kind == TargetKind::kClassMask || kind == TargetKind::kSegmentMask;
  check(record.mask.empty() || masks, "sample {}: a mask for a task without", record.key);
  check(record.mask.empty() || record.mask_dtype == wanted_dtype(record, kind, classes),
        "sample {}: mask dtype {}, {} wanted for {} classes and {} segments", record.key, record.mask_dtype,
        wanted_dtype(record, kind, classes), classes.size(), record.segments.size());
  const auto is_class = [&](std::int32_t index) { return index >= 0 && static_cast<std::size_t>(index) < classes.size(); };
  check(record.label == -1 || (kind == TargetKind::kLabel && is_class(record.label)), "sample {}: label {} of {}", record.key, record.label,
        classes.size());
  check(record.labels.empty() || kind == TargetKind::kLabels, "sample {}: {} labels for a task without", record.key, record.labels.size());
  std::int32_t before = -1;
  for (const std::int32_t label : record.labels) {
    check(label > before && is_class(label), "sample {}: label {} of {} after {}", record.key, label, classes.size(), before);
    before = label;
  }
  check(record.segments.empty() || (kind == TargetKind::kSegmentMask && !record.mask.empty()), "sample {}: {} segments without a mask",
        record.key, record.segments.size());
  for (const Segment& segment : record.segments) {
    const auto& [x, y, width, height] = segment.bbox;
    check(is_class(segment.class_index) && segment.area > 0 && x >= 0 && y >= 0 && width > 0 && height > 0 &&
              std::int64_t{x} + width <= record.width && std::int64_t{y} + height <= record.height,
          "sample {}: segment {} of class {} with {} pixels at {} {} {} {}", record.key, segment.original_id, segment.class_index,
          segment.area, x, y, width, height);
  }
}

void check_record(const SampleRecord& record, TargetKind kind, const ClassList& classes) {
  check(!record.key.empty() && !record.image.empty() && record.image_codec != image::Codec::kNone, "sample \"{}\" without image",
        record.key);
  check(record.mask.empty() == (record.mask_codec == image::Codec::kNone), "sample {}: mask bytes and codec disagree", record.key);
  check(record.orientation >= 1 && record.orientation <= 8, "sample {}: orientation {}", record.key, record.orientation);
  check_target(record, kind, classes);
  std::int64_t before = -1;
  for (const ClassPixels& entry : record.histogram) {
    check(entry.class_index > before && entry.class_index < classes.size() && entry.pixels > 0,
          "sample {}: histogram entry {} with {} pixels after {}", record.key, entry.class_index, entry.pixels, before);
    before = entry.class_index;
  }
}

}  // namespace

ShardWriter::ShardWriter(ShardIdentity identity) : identity_(std::move(identity)), columns_(start_columns(identity_.target())) {}

void ShardWriter::add(SampleRecord record) {
  const TargetKind kind = identity_.target();
  check_record(record, kind, identity_.classes);
  const std::uint32_t image_size = blob_size(record.image, record.key);
  const std::uint32_t mask_size = blob_size(record.mask, record.key);
  IndexColumns& c = columns_;
  const std::uint64_t image_offset = payload_bytes_;
  // The mask lies behind its image, so that one seek reaches both.
  const std::uint64_t mask_offset = record.mask.empty() ? 0 : image_offset + aligned(image_size);
  payload_bytes_ = image_offset + aligned(image_size) + aligned(mask_size);
  c.image_offset.push_back(image_offset);
  c.image_size.push_back(image_size);
  c.image_crc32.push_back(crc32_of(record.image));
  c.image_codec.push_back(record.image_codec);
  c.height.push_back(record.height);
  c.width.push_back(record.width);
  c.source_height.push_back(record.source_height);
  c.source_width.push_back(record.source_width);
  c.channels.push_back(record.channels);
  c.bit_depth.push_back(record.bit_depth);
  c.orientation.push_back(record.orientation);
  c.flags.push_back(record.flags);
  c.mask_offset.push_back(mask_offset);
  c.mask_size.push_back(mask_size);
  c.mask_crc32.push_back(record.mask.empty() ? 0 : crc32_of(record.mask));
  c.mask_codec.push_back(record.mask_codec);
  c.mask_dtype.push_back(record.mask.empty() ? 0 : record.mask_dtype);
  for (const ClassPixels& entry : record.histogram) {
    c.class_id.push_back(entry.class_index);
    c.class_pixels.push_back(entry.pixels);
  }
  c.class_ptr.push_back(c.class_id.size());
  if (kind == TargetKind::kLabel) {
    c.label.push_back(record.label);
  } else if (kind == TargetKind::kLabels) {
    c.labels.insert(c.labels.end(), record.labels.begin(), record.labels.end());
    c.labels_ptr.push_back(c.labels.size());
  } else if (kind == TargetKind::kSegmentMask) {
    for (const Segment& segment : record.segments) {
      c.segment_original_id.push_back(segment.original_id);
      c.segment_class.push_back(segment.class_index);
      c.segment_iscrowd.push_back(segment.iscrowd);
      c.segment_area.push_back(segment.area);
      c.segment_bbox.push_back(segment.bbox);
    }
    c.segments_ptr.push_back(c.segment_area.size());
  }
  c.key.push_back(std::move(record.key));
  blobs_.push_back(std::move(record.image));
  blob_offsets_.push_back(image_offset);
  if (mask_size > 0) {
    blobs_.push_back(std::move(record.mask));
    blob_offsets_.push_back(mask_offset);
  }
}

ShardSummary ShardWriter::finish(const std::filesystem::path& folder) {
  const std::string name = shard_file_name(identity_.split, identity_.number);
  const ShardUuid uuid = shard_uuid(identity_.plan_hash, identity_.split, identity_.number);
  AtomicFile file(folder / name);
  const std::uint64_t address = create_shard_file(file.temporary_path(), identity_, columns_, payload_bytes_);
  const auto header = pack_header({.uuid = uuid, .payload_bytes = payload_bytes_});
  file.write_at(address, header.data(), header.size());
  constexpr std::uint64_t kFlushBytes = 8 << 20;
  std::uint64_t flushed = 0;
  for (std::size_t i = 0; i < blobs_.size(); ++i) {
    file.write_at(address + blob_offsets_[i], blobs_[i].data(), blobs_[i].size());
    if (const std::uint64_t written = blob_offsets_[i] + blobs_[i].size(); written - flushed >= kFlushBytes) {
      file.start_flush(address + flushed, written - flushed);
      flushed = written;
    }
  }
  const FileDigest digest = file_digest(file.temporary_path());
  file.commit();
  return {.file = name,
          .uuid = to_hex(uuid),
          .bytes = digest.bytes,
          .num_samples = static_cast<std::uint32_t>(columns_.size()),
          .first_index = 0,
          .payload_address = address,
          .payload_bytes = payload_bytes_,
          .xxh3_128 = digest.xxh3_128};
}

ShardSummary summarise_shard(const std::filesystem::path& path, const ShardIdentity& identity) {
  const ShardFile shard = read_shard_file(path);
  const std::string uuid = to_hex(shard_uuid(identity.plan_hash, identity.split, identity.number));
  if (shard.head.uuid != uuid || shard.head.plan_hash != identity.plan_hash || shard.head.split != identity.split) {
    throw DataError("{}: uuid {} of plan {}, wanted {} of plan {}; it is from another packing: remove it, or pack into an empty folder",
                    path.string(), shard.head.uuid, shard.head.plan_hash, uuid, identity.plan_hash);
  }
  const FileDigest digest = file_digest(path);
  return {.file = path.filename().string(),
          .uuid = uuid,
          .bytes = digest.bytes,
          .num_samples = static_cast<std::uint32_t>(shard.columns.size()),
          .first_index = 0,
          .payload_address = shard.payload.address,
          .payload_bytes = shard.payload.bytes,
          .xxh3_128 = digest.xxh3_128};
}

}  // namespace muster::data
