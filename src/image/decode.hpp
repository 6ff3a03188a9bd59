// From stored bytes to pixels. The kind is decided by the first bytes, never by the name: JPEG (also MPO), PNG, WebP, TIFF, BMP, PBM, PGM,
// PPM, JPEG 2000 and DICOM are read, others are refused by name (src/data/README.md lists what happens to odd files). Of several pages,
// frames or views in one file, the first is read.
//
// Strict: what is cut off or damaged is a DataError that names `where` (the file or sample), never a partly grey picture. Bytes after
// the end of a JPEG are accepted, since cameras write them. More than kMaxPixels is refused before memory is taken for it.
// All functions are pure; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "image/codec.hpp"
#include "image/image.hpp"

namespace muster::image {

inline constexpr std::int64_t kMaxPixels = 200'000'000;

struct ImageInfo {
  Codec codec = Codec::kNone;  // kNone: readable, but not stored as it is (see transcode.hpp)
  int height = 0;              // as stored, before any orientation
  int width = 0;
  int channels = 0;  // as stored, alpha included; 1 for a palette
  int bit_depth = 8;
  int exif_orientation = 1;  // 1..8
  bool cmyk = false;
  bool progressive = false;
  bool alpha = false;
  bool palette = false;
  bool multiple = false;  // pages or frames behind the first, which is the only one that is read
};

// From the header alone; nothing is allocated for pixels. A beginning of the file is enough where its header lies there, else DataError.
ImageInfo probe(std::span<const std::byte> bytes, std::string_view where);

// Three channels of 8 bits by the image rules (CONTRACTS 15): alpha dropped, not blended; grey repeated; CMYK by the JPEG rule; palette
// looked up; v of 16 bits becomes v / 257, rounded; DICOM through its window (dicom.hpp). The orientation is not applied.
Image decode_rgb(std::span<const std::byte> bytes, std::string_view where);

// The numbers as stored: grey values, or palette indices without the palette, of up to 16 bits, from PNG, TIFF, BMP, PBM and PGM. Where
// ink is stored as 1 (PBM, fax), black is 0 as on the screen. Colour is refused, and so is what was compressed with loss.
LabelMap decode_labels(std::span<const std::byte> bytes, std::string_view where);

}  // namespace muster::image
