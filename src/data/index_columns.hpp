// The index of a shard, or of a whole split: one row per sample, one array per column.
//
// visit_columns() is the only list of columns; writing, reading, joining and comparing all walk it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "data/segment.hpp"
#include "data/target_kind.hpp"
#include "image/codec.hpp"

namespace muster::data {

// N samples, E entries of the class histogram, L labels, S segments. The columns behind class_pixels are there for some tasks only
// and empty in all others (a pointer column that is there has at least one entry, also for N = 0).
struct IndexColumns {
  std::vector<std::string> key;             // path relative to the source root, unique in the split, UTF-8
  std::vector<std::uint64_t> image_offset;  // bytes from the start of the payload
  std::vector<std::uint32_t> image_size;    // bytes
  std::vector<std::uint32_t> image_crc32;   // of the stored bytes
  std::vector<image::Codec> image_codec;
  std::vector<std::uint32_t> height, width;                // upright = the mask's size
  std::vector<std::uint32_t> source_height, source_width;  // as the source file stores it, before orientation and any resizing
  std::vector<std::uint8_t> channels;
  std::vector<std::uint8_t> bit_depth;    // per channel
  std::vector<std::uint8_t> orientation;  // EXIF value that the reader must apply to the image; 1 = none
  std::vector<std::uint16_t> flags;       // SampleFlag
  std::vector<std::uint64_t> mask_offset;
  std::vector<std::uint32_t> mask_size;  // 0 = no mask
  std::vector<std::uint32_t> mask_crc32;
  std::vector<image::Codec> mask_codec;
  std::vector<std::uint8_t> mask_dtype;     // 1 = u8, 2 = u16
  std::vector<std::uint64_t> class_ptr;     // N + 1: entries [class_ptr[i], class_ptr[i+1]) belong to sample i
  std::vector<std::uint16_t> class_id;      // E: dense index, ascending in a sample
  std::vector<std::uint32_t> class_pixels;  // E: pixels of that class, > 0; void pixels are not listed

  std::vector<std::int32_t> label;        // image_classification, one label: dense index, -1 = unlabelled
  std::vector<std::uint64_t> labels_ptr;  // image_classification, several labels: N + 1, into labels
  std::vector<std::int32_t> labels;       // L: dense index, ascending in a sample

  std::vector<std::uint64_t> segments_ptr;                // panoptic_segmentation: N + 1, into the columns of /segments
  std::vector<std::uint32_t> segment_original_id;         // S; the meaning of each is told in segment.hpp
  std::vector<std::int32_t> segment_class;                // S
  std::vector<std::uint8_t> segment_iscrowd;              // S
  std::vector<std::uint32_t> segment_area;                // S
  std::vector<std::array<std::int32_t, 4>> segment_bbox;  // S

  std::size_t size() const noexcept { return key.size(); }
  bool operator==(const IndexColumns&) const = default;
};

enum class ColumnLength { kSamples, kSamplesPlusOne, kEntries, kLabels, kSegments };

// v(path, column, length) for each; the path starts at the root of the file: "index/key". The vector's element type is the file's:
// image::Codec an enum of u8, strings fixed-length UTF-8, an array of four a row of a table.
template <class Columns, class Visitor>
void visit_columns(Columns& c, Visitor&& v) {
  using enum ColumnLength;
  v("index/key", c.key, kSamples);
  v("index/image_offset", c.image_offset, kSamples);
  v("index/image_size", c.image_size, kSamples);
  v("index/image_crc32", c.image_crc32, kSamples);
  v("index/image_codec", c.image_codec, kSamples);
  v("index/height", c.height, kSamples);
  v("index/width", c.width, kSamples);
  v("index/source_height", c.source_height, kSamples);
  v("index/source_width", c.source_width, kSamples);
  v("index/channels", c.channels, kSamples);
  v("index/bit_depth", c.bit_depth, kSamples);
  v("index/orientation", c.orientation, kSamples);
  v("index/flags", c.flags, kSamples);
  v("index/mask_offset", c.mask_offset, kSamples);
  v("index/mask_size", c.mask_size, kSamples);
  v("index/mask_crc32", c.mask_crc32, kSamples);
  v("index/mask_codec", c.mask_codec, kSamples);
  v("index/mask_dtype", c.mask_dtype, kSamples);
  v("index/class_ptr", c.class_ptr, kSamplesPlusOne);
  v("index/class_id", c.class_id, kEntries);
  v("index/class_pixels", c.class_pixels, kEntries);
  v("index/label", c.label, kSamples);
  v("index/labels_ptr", c.labels_ptr, kSamplesPlusOne);
  v("index/labels", c.labels, kLabels);
  v("segments/ptr", c.segments_ptr, kSamplesPlusOne);
  v("segments/original_id", c.segment_original_id, kSegments);
  v("segments/class", c.segment_class, kSegments);
  v("segments/iscrowd", c.segment_iscrowd, kSegments);
  v("segments/area", c.segment_area, kSegments);
  v("segments/bbox", c.segment_bbox, kSegments);
}

// Whether files with targets of this kind have the column.
bool has_column(TargetKind kind, std::string_view path) noexcept;

// No rows yet: the pointer columns that `kind` has hold their first entry, 0.
IndexColumns start_columns(TargetKind kind);

// Rows of `more` behind those of `columns`; pointers go on counting. DataError when both have rows and only one has some column.
void append_columns(IndexColumns& columns, const IndexColumns& more);

// What must hold before any row is used. DataError naming `where`, column and sample when lengths, pointers or blob ranges do not fit
// together, a class is not below `num_classes`, labels do not ascend, or a segment's box, area or width does not fit its image and mask.
// `payload_bytes` = 0: ranges unchecked.
void check_columns(const IndexColumns& columns, TargetKind kind, std::size_t num_classes, std::uint64_t payload_bytes,
                   const std::string& where);

// Of sample i. Any thread.
std::vector<Segment> segments_of(const IndexColumns& columns, std::size_t i);
std::vector<std::int32_t> labels_of(const IndexColumns& columns, std::size_t i);

// What the fingerprint takes of labels (i32 little-endian) and of segments (eight 32-bit words each: original_id, class, iscrowd, area,
// x, y, width, height).
std::uint32_t labels_crc32(std::span<const std::int32_t> labels);
std::uint32_t segments_crc32(std::span<const Segment> segments);

// XXH3-128 over all samples in order of: key bytes, one zero byte, then u32 numbers, little-endian: image_size, image_crc32, and
//   no target, class mask   mask_crc32 (0 without a mask)
//   label                   the label, two's complement
//   labels                  labels_crc32()
//   segment mask            mask_crc32, segments_crc32()
// It does not depend on shard boundaries, so re-sharding keeps it, while a change of content or order does not.
std::string fingerprint(const IndexColumns& columns);

}  // namespace muster::data
