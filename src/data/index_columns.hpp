// The index of a shard, or of a whole split: one row per sample, one array per column.
//
// visit_columns() is the only list of columns; writing, reading, joining and comparing all walk it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "image/codec.hpp"

namespace muster::data {

// N samples, E entries of the class histogram
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

  std::size_t size() const noexcept { return key.size(); }
  bool operator==(const IndexColumns&) const = default;
};

enum class ColumnLength { kSamples, kSamplesPlusOne, kEntries };

// v(name, column, length) for each. The vector's element type is the file's: image::Codec an enum of u8, strings fixed-length UTF-8.
template <class Columns, class Visitor>
void visit_columns(Columns& c, Visitor&& v) {
  using enum ColumnLength;
  v("key", c.key, kSamples);
  v("image_offset", c.image_offset, kSamples);
  v("image_size", c.image_size, kSamples);
  v("image_crc32", c.image_crc32, kSamples);
  v("image_codec", c.image_codec, kSamples);
  v("height", c.height, kSamples);
  v("width", c.width, kSamples);
  v("source_height", c.source_height, kSamples);
  v("source_width", c.source_width, kSamples);
  v("channels", c.channels, kSamples);
  v("bit_depth", c.bit_depth, kSamples);
  v("orientation", c.orientation, kSamples);
  v("flags", c.flags, kSamples);
  v("mask_offset", c.mask_offset, kSamples);
  v("mask_size", c.mask_size, kSamples);
  v("mask_crc32", c.mask_crc32, kSamples);
  v("mask_codec", c.mask_codec, kSamples);
  v("mask_dtype", c.mask_dtype, kSamples);
  v("class_ptr", c.class_ptr, kSamplesPlusOne);
  v("class_id", c.class_id, kEntries);
  v("class_pixels", c.class_pixels, kEntries);
}

// Rows of `more` behind those of `columns`; class_ptr goes on counting.
void append_columns(IndexColumns& columns, const IndexColumns& more);

// DataError naming `where` and the column when lengths, pointers or blob ranges do not fit together. `payload_bytes` = 0: ranges unchecked.
void check_columns(const IndexColumns& columns, std::uint64_t payload_bytes, const std::string& where);

// XXH3-128 over all samples in order of: key bytes, one zero byte, image_size, image_crc32, mask_crc32 (u32 little-endian).
// It does not depend on shard boundaries, so re-sharding keeps it, while a change of content or order does not.
std::string fingerprint(const IndexColumns& columns);

}  // namespace muster::data
