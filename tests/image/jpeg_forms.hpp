// JPEGs of every form that a window can be cut from, or cannot: subsampling, colour space, progressive, restart markers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "image/image.hpp"
#include "image/jpeg_session.hpp"

namespace muster::image {

struct JpegForm {
  std::string name;
  J_COLOR_SPACE in = JCS_RGB;  // of the pixels given
  J_COLOR_SPACE stored = JCS_YCbCr;
  int across = 1;  // sampling factors of the first component (and of black)
  int down = 1;
  bool progressive = false;
  unsigned restart_rows = 0;  // 0 = no restart markers
};

inline std::vector<JpegForm> jpeg_forms() {
  return {
      {.name = "4:4:4"},
      {.name = "4:2:2", .across = 2},
      {.name = "4:2:0", .across = 2, .down = 2},
      {.name = "4:4:0", .down = 2},
      {.name = "4:1:1", .across = 4},
      {.name = "4:1:0", .across = 4, .down = 2},
      {.name = "RGB", .stored = JCS_RGB},
      {.name = "grey", .in = JCS_GRAYSCALE, .stored = JCS_GRAYSCALE},
      {.name = "grey of factors 2 x 2", .in = JCS_GRAYSCALE, .stored = JCS_GRAYSCALE, .across = 2, .down = 2},
      {.name = "CMYK", .in = JCS_CMYK, .stored = JCS_CMYK},
      {.name = "YCCK", .in = JCS_CMYK, .stored = JCS_YCCK, .across = 2, .down = 2},
      {.name = "progressive", .across = 2, .down = 2, .progressive = true},
      {.name = "restart markers", .across = 2, .down = 2, .restart_rows = 1},
  };
}

// Smooth waves with noise on top, so that neither rows nor columns repeat. Equal arguments give equal bytes.
inline std::vector<std::byte> make_jpeg(const JpegForm& form, int height, int width, int quality = 90) {
  const int channels = form.in == JCS_RGB ? 3 : form.in == JCS_CMYK ? 4 : 1;
  std::vector<std::uint8_t> pixels(static_cast<std::size_t>(height) * static_cast<std::size_t>(width * channels));
  std::uint32_t state = 12345;
  for (std::size_t i = 0; i < pixels.size(); ++i) {
    state = state * 1664525 + 1013904223;
    const auto place = static_cast<int>(i) / channels;
    const int wave = (place / width) * 5 % 160 + (place % width) * 3 % 60;
    pixels[i] = static_cast<std::uint8_t>(wave + static_cast<int>(state >> 27) +
                                          20 * static_cast<int>(i % static_cast<std::size_t>(channels)) % 255);
  }
  jpeg_compress_struct info = {};
  JpegErrors errors = {};
  info.err = install(errors);
  unsigned char* memory = nullptr;
  unsigned long size = 0;
  const bool done = guarded(errors, [&] {
    jpeg_create_compress(&info);
    jpeg_mem_dest(&info, &memory, &size);
    info.image_width = static_cast<JDIMENSION>(width);
    info.image_height = static_cast<JDIMENSION>(height);
    info.input_components = channels;
    info.in_color_space = form.in;
    jpeg_set_defaults(&info);
    jpeg_set_colorspace(&info, form.stored);
    jpeg_set_quality(&info, quality, TRUE);
    for (int c = 0; c < info.num_components; ++c) {
      info.comp_info[c].h_samp_factor = c == 0 || c == 3 ? form.across : 1;
      info.comp_info[c].v_samp_factor = c == 0 || c == 3 ? form.down : 1;
    }
    info.restart_in_rows = static_cast<int>(form.restart_rows);
    if (form.progressive) {
      jpeg_simple_progression(&info);
    }
    jpeg_start_compress(&info, TRUE);
    while (info.next_scanline < info.image_height) {
      JSAMPROW row = pixels.data() + static_cast<std::size_t>(info.next_scanline) * static_cast<std::size_t>(width * channels);
      jpeg_write_scanlines(&info, &row, 1);
    }
    jpeg_finish_compress(&info);
  });
  jpeg_destroy_compress(&info);
  const auto* first = reinterpret_cast<const std::byte*>(memory);
  std::vector<std::byte> bytes = done ? std::vector<std::byte>(first, first + size) : std::vector<std::byte>();
  std::free(memory);
  return bytes;
}

}  // namespace muster::image
