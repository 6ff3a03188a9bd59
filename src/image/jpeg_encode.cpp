#include "image/encode.hpp"

#include <cstdlib>
#include <memory>

#include "core/error.hpp"
#include "image/jpeg_session.hpp"

namespace muster::image {

std::vector<std::byte> encode_jpeg(const Image& image, int quality) {
  check(image.channels == 3 && image.height > 0 && image.width > 0, "encode_jpeg: {} x {} x {}", image.height, image.width, image.channels);
  jpeg_compress_struct info = {};
  JpegErrors errors = {};
  info.err = install(errors);
  unsigned char* memory = nullptr;
  unsigned long size = 0;
  const bool done = guarded(errors, [&] {
    jpeg_create_compress(&info);
    jpeg_mem_dest(&info, &memory, &size);
    info.image_width = static_cast<JDIMENSION>(image.width);
    info.image_height = static_cast<JDIMENSION>(image.height);
    info.input_components = 3;
    info.in_color_space = JCS_RGB;
    jpeg_set_defaults(&info);
    jpeg_set_quality(&info, quality, TRUE);
    info.dct_method = JDCT_ISLOW;
    jpeg_start_compress(&info, TRUE);
    while (info.next_scanline < info.image_height) {
      auto* row = const_cast<std::uint8_t*>(image.row(static_cast<int>(info.next_scanline)));  // libjpeg reads it only
      jpeg_write_scanlines(&info, &row, 1);
    }
    jpeg_finish_compress(&info);
  });
  jpeg_destroy_compress(&info);
  const std::unique_ptr<unsigned char, decltype([](unsigned char* m) { std::free(m); })> owner(memory);
  check(done, "encode_jpeg: {} x {} quality {}: {}", image.height, image.width, quality, errors.text);
  const auto* first = reinterpret_cast<const std::byte*>(owner.get());
  return {first, first + size};
}

}  // namespace muster::image
