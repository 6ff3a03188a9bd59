#include "image/jpeg.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>
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

namespace {

// Rows of a decompressor that has started, as RGB. Holds memory only for what libjpeg writes into another form.
void set_output(Decompressor& jpeg, std::string_view where) {
  if (jpeg.info.jpeg_color_space == JCS_UNKNOWN) {
    throw DataError("{}: a JPEG of {} components without a known colour space; convert it to PNG", where, jpeg.info.num_components);
  }
  jpeg.info.out_color_space = jpeg.is_cmyk() ? JCS_CMYK : JCS_RGB;
  jpeg.info.dct_method = JDCT_ISLOW;
}

// One pass over the data (else the whole of it is entropy-decoded before the first row), and a subsampling for which jpeg_crop_scanline
// and jpeg_skip_scanlines are known to change no pixel: all of libjpeg's presets, which tests/image/decode_window_test.cpp goes through.
bool can_decode_in_part(jpeg_decompress_struct& info) {
  if (jpeg_has_multiple_scans(&info) != 0 || info.num_components == 2 || info.num_components > 4) {
    return false;
  }
  const int across = info.comp_info[0].h_samp_factor;
  const int down = info.comp_info[0].v_samp_factor;
  for (int c = 1; c < info.num_components; ++c) {
    const bool full = c == 3 && info.comp_info[c].h_samp_factor == across && info.comp_info[c].v_samp_factor == down;  // black
    if (!full && (info.comp_info[c].h_samp_factor != 1 || info.comp_info[c].v_samp_factor != 1)) {
      return false;
    }
  }
  const bool grey = info.num_components == 1;
  return grey || (across <= 2 && down <= 2) || (across == 4 && down == 1);
}

// Pixels decoded beyond each edge of a window, so that none inside sees where decoding stopped: smooth chroma looks one sample of up to
// four pixels aside, one of up to two pixels up and down.
constexpr int kMarginColumns = 4;
constexpr int kMarginRows = 2;

}  // namespace

Image decode_jpeg(std::span<const std::byte> bytes, std::string_view where) {
  Decompressor jpeg(bytes, where);
  jpeg.read_header();
  set_output(jpeg, where);
  auto& info = jpeg.info;
  const bool cmyk = jpeg.is_cmyk();
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

void check_stored_size(int found_height, int found_width, int height, int width, std::string_view where) {
  if (found_height != height || found_width != width) {
    throw DataError("{}: the image is stored with {} x {} pixels (height x width), the index says {} x {}; repack this shard", where,
                    found_height, found_width, height, width);
  }
}

bool decode_jpeg_window(std::span<const std::byte> bytes, int height, int width, const Window& window, Image& out, std::string_view where) {
  Decompressor jpeg(bytes, where);
  jpeg.read_header();
  auto& info = jpeg.info;
  check_stored_size(static_cast<int>(info.image_height), static_cast<int>(info.image_width), height, width, where);
  set_output(jpeg, where);
  if (!can_decode_in_part(info)) {
    return false;
  }
  out.height = window.height;
  out.width = window.width;
  out.channels = 3;
  out.pixels.resize(static_cast<std::size_t>(window.height) * out.row_bytes());

  const int top = std::max(window.top - kMarginRows, 0);
  const int left = std::max(window.left - kMarginColumns, 0);
  const int right = std::min(window.left + window.width + kMarginColumns, width);
  const bool cmyk = jpeg.is_cmyk();
  thread_local std::vector<std::uint8_t> wide;  // a row with its margins
  wide.resize(std::max(wide.size(), static_cast<std::size_t>(width) * 4));
  const int last = window.top + window.height;
  jpeg.demand([&] {
    jpeg_start_decompress(&info);
    auto first = static_cast<JDIMENSION>(left);
    auto columns = static_cast<JDIMENSION>(right - left);
    jpeg_crop_scanline(&info, &first, &columns);  // moves `first` to the left, to where blocks begin
    jpeg_skip_scanlines(&info, static_cast<JDIMENSION>(top));
    const auto aside = static_cast<std::size_t>(window.left) - first;
    JSAMPROW row = wide.data();
    for (int y = top; y < last; ++y) {
      jpeg_read_scanlines(&info, &row, 1);
      if (y < window.top) {
        continue;
      }
      std::uint8_t* to = out.row(y - window.top);
      if (cmyk) {
        cmyk_row_to_rgb(row + aside * 4, to, window.width);
      } else {
        std::memcpy(to, row + aside * 3, out.row_bytes());
      }
    }
    if (last == height) {
      jpeg_finish_decompress(&info);  // as above; where rows are left over, what follows the window is not looked at
    }
  });
  return true;
}

}  // namespace muster::image
