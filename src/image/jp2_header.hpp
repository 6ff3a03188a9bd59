// The sizes of a JPEG 2000 picture, read by hand, so that they are known before the library takes any memory.
//
// Source: ITU-T T.800 (ISO/IEC 15444-1), annex A.5.1 (SIZ marker segment) and annex I (boxes of JP2).
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace muster::image {

struct Jp2Header {
  bool boxed = false;  // a JP2 file around the codestream, else the codestream alone
  int width = 0;
  int height = 0;
  int components = 0;  // 1 to 4
  int bit_depth = 0;   // of all components, 1 to 16
  bool is_signed = false;
  bool palette = false;
};

// Throws DataError naming `where`, also for more than kMaxPixels, more than four components, components of different depth or size.
Jp2Header read_jp2_header(std::span<const std::byte> bytes, std::string_view where);

}  // namespace muster::image
