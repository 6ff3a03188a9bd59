#include "image/jpeg.hpp"

#include <cstdint>
#include <vector>

#include "image/exif.hpp"
#include "image/jpeg_session.hpp"

namespace muster::image {
namespace {

// a * b / 255, rounded
std::uint8_t scaled(std::uint32_t a, std::uint32_t b) {
  const std::uint32_t product = a * b + 128;
  return static_cast<std::uint8_t>(((product >> 8) + product) >> 8);
}

// Adobe stores 255 - ink, and everybody followed: light = (1 - C) (1 - K), with ink rounded as Pillow rounds it.
void cmyk_row_to_rgb(const std::uint8_t* from, std::uint8_t* to, int width) {
  for (int x = 0; x < width; ++x, from += 4, to += 3) {
    const std::uint8_t light = from[3];
    for (int c = 0; c < 3; ++c) {
      to[c] = static_cast<std::uint8_t>(light - scaled(255U - from[c], light));
    }
  }
}

}  // namespace

ImageInfo probe_jpeg(std::span<const std::byte> bytes, std::string_view where) {
  Decompressor jpeg(bytes, where);
  jpeg.read_header();
  ImageInfo out;
  out.codec = Codec::kJpeg;
  out.height = static_cast<int>(jpeg.info.image_height);
  out.width = static_cast<int>(jpeg.info.image_width);
  out.channels = jpeg.info.num_components;
  out.bit_depth = jpeg.info.data_precision;
  out.exif_orientation = jpeg_orientation(bytes);
  out.cmyk = jpeg.is_cmyk();
  out.progressive = jpeg_has_multiple_scans(&jpeg.info) != 0 && jpeg.info.progressive_mode != 0;
  return out;
}

Image decode_jpeg(std::span<const std::byte> bytes, std::string_view where) {
  Decompressor jpeg(bytes, where);
  jpeg.read_header();
  auto& info = jpeg.info;
  if (info.jpeg_color_space == JCS_UNKNOWN) {
    throw DataError("{}: a JPEG of {} components without a known colour space; convert it to PNG", where, info.num_components);
  }
  const bool cmyk = jpeg.is_cmyk();
  info.out_color_space = cmyk ? JCS_CMYK : JCS_RGB;
  info.dct_method = JDCT_ISLOW;

  Image image(static_cast<int>(info.image_height), static_cast<int>(info.image_width));
  std::vector<std::uint8_t> inks(cmyk ? static_cast<std::size_t>(image.width) * 4 : 0);
  jpeg.demand([&] {
    jpeg_start_decompress(&info);
    while (info.output_scanline < info.output_height) {
      std::uint8_t* row = image.row(static_cast<int>(info.output_scanline));
      JSAMPROW target = cmyk ? inks.data() : row;
      jpeg_read_scanlines(&info, &target, 1);
      if (cmyk) {
        cmyk_row_to_rgb(inks.data(), row, image.width);
      }
    }
    jpeg_finish_decompress(&info);  // reads on to the end marker, so that a missing tail is noticed
  });
  return image;
}

}  // namespace muster::image
