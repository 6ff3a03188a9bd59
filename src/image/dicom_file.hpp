// What a DICOM data set says about its first frame, and that frame's bytes, by DCMTK. The rules stand in dicom.cpp.
//
// Source of names and meanings: DICOM PS3.3 C.7.6.3 (pixels), C.11.1 (modality), C.11.2 (VOI); PS3.5 A.4 (encapsulation).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace muster::image {

struct DicomWindow {
  double centre = 0;
  double width = 0;
  std::string function;  // LINEAR, LINEAR_EXACT or SIGMOID
};

// A VOI LUT: value x becomes values[x - first], clamped at both ends.
struct DicomTable {
  int first = 0;
  int bits = 16;  // of the values
  std::vector<std::uint16_t> values;
};

// Stored values that fill up the frame around what was measured.
struct DicomPadding {
  int low = 0, high = 0;  // both belong to it
  bool holds(int stored) const noexcept { return stored >= low && stored <= high; }
};

enum class DicomCoding {
  kPlain,     // words as below
  kJpeg,      // one baseline JPEG file
  kJpeg2000,  // one codestream
};

struct DicomHeader {
  int rows = 0;
  int columns = 0;
  int samples = 1;
  int bits_allocated = 0;  // 8 or 16
  int bits_stored = 0;
  int high_bit = 0;
  bool is_signed = false;
  bool planar = false;      // colours one plane after the other
  std::string photometric;  // MONOCHROME1, MONOCHROME2, RGB, YBR_FULL, ...
  int frames = 1;
  double slope = 1;
  double intercept = 0;
  std::optional<DicomWindow> window;
  std::optional<DicomTable> table;  // only where there is no window
  std::optional<DicomPadding> padding;
};

struct DicomFrame {
  DicomHeader header;
  DicomCoding coding = DicomCoding::kPlain;
  std::vector<std::byte> bytes;  // plain: rows * columns * samples little-endian words of bits_allocated; else one compressed picture
};

// Both throw DataError naming `where`: for what is cut off or damaged, has no pixels, more than kMaxPixels, or is not read (its name is
// said). Any thread. The first ends at the pixels, so a beginning of the file is enough.
DicomHeader read_dicom_header(std::span<const std::byte> bytes, std::string_view where);
DicomFrame read_dicom_frame(std::span<const std::byte> bytes, std::string_view where);

}  // namespace muster::image
