// JPEG 2000 through OpenJPEG: JP2 files and bare codestreams, one to four components of up to 16 bits each.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "image/decode.hpp"
#include "image/raw_image.hpp"

namespace muster::image {

ImageInfo probe_jp2(std::span<const std::byte> bytes, std::string_view where);

// Grey, grey + alpha, RGB, RGB + alpha; a palette is looked up. Other colour spaces and signed numbers are refused.
RawImage read_jp2(std::span<const std::byte> bytes, std::string_view where);

// The numbers alone, for containers that say what they mean: values[(y * width + x) * components + c].
struct Jp2Samples {
  int height = 0;
  int width = 0;
  int components = 0;
  int bit_depth = 0;
  bool is_signed = false;
  bool other_colours = false;  // YCbCr or CMYK by the file's own word
  std::vector<std::int32_t> values;
};
Jp2Samples read_jp2_samples(std::span<const std::byte> bytes, std::string_view where);

}  // namespace muster::image
