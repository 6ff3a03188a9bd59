// libjpeg's errors without exceptions through its C frames, and a decompressor that cleans up after itself.
#pragma once

#include <csetjmp>
#include <cstddef>
#include <cstdio>
#include <span>
#include <string_view>

#include <jpeglib.h>

#include "core/error.hpp"

namespace muster::image {

struct JpegErrors {
  jpeg_error_mgr manager;  // first, since libjpeg hands back a pointer to it
  std::jmp_buf jump;
  char text[JMSG_LENGTH_MAX];  // of the fatal error or the damage
};

// Sets every callback. Damage that libjpeg would gloss over (a premature end, a bad code) becomes fatal; oddities that lose no pixel
// (bytes before a marker, an unknown JFIF version) stay silent.
jpeg_error_mgr* install(JpegErrors& errors);

// Runs `steps`, which may create nothing with a destructor. False when libjpeg gave up: its error jumps back here; errors.text says why.
// Never inlined, so that no variable of the caller lives in a register across the jump.
template <class Steps>
[[gnu::noinline]] bool guarded(JpegErrors& errors, Steps&& steps) {
  if (setjmp(errors.jump) != 0) {
    return false;
  }
  steps();
  return true;
}

class Decompressor {
 public:
  Decompressor(std::span<const std::byte> bytes, std::string_view where);
  ~Decompressor() { jpeg_destroy_decompress(&info); }
  Decompressor(const Decompressor&) = delete;
  Decompressor& operator=(const Decompressor&) = delete;

  // guarded(), with DataError for what libjpeg gives up on.
  template <class Steps>
  void demand(Steps&& steps) {
    if (!guarded(errors, steps)) {
      throw DataError("{}: cannot decode this JPEG: {}; the file is cut off or damaged, copy it again or remove it", where_, errors.text);
    }
  }

  // Refuses what is larger than kMaxPixels.
  void read_header();
  bool is_cmyk() const { return info.jpeg_color_space == JCS_CMYK || info.jpeg_color_space == JCS_YCCK; }

  jpeg_decompress_struct info = {};
  JpegErrors errors = {};

 private:
  std::string_view where_;
};

}  // namespace muster::image
