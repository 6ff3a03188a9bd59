#include "image/encode.hpp"

#include <array>
#include <bit>
#include <csetjmp>
#include <cstdio>
#include <span>

#include <png.h>
#include <zlib.h>

#include "core/error.hpp"

namespace muster::image {
namespace {

struct PngOutput {
  std::vector<std::byte>* bytes;
  std::jmp_buf jump;
  char text[256];
};

struct PngLayout {
  int height;
  int width;
  int color_type;
  int bit_depth;
  int filters;
  std::span<const std::array<std::uint8_t, 3>> palette = {};
};

void append(png_structp png, png_bytep data, std::size_t count) {
  auto* out = static_cast<PngOutput*>(png_get_io_ptr(png));
  const auto* first = reinterpret_cast<const std::byte*>(data);
  out->bytes->insert(out->bytes->end(), first, first + count);
}

[[noreturn]] void png_write_failed(png_structp png, png_const_charp text) {
  auto* out = static_cast<PngOutput*>(png_get_error_ptr(png));
  std::snprintf(out->text, sizeof(out->text), "%s", text);
  std::longjmp(out->jump, 1);
}

bool write_rows(PngOutput& out, png_structp png, png_infop info, const PngLayout& layout, const std::uint8_t* first, std::size_t stride) {
  if (setjmp(out.jump) != 0) {
    return false;
  }
  png_set_write_fn(png, &out, append, nullptr);
  png_set_compression_level(png, 6);
  png_set_compression_mem_level(png, 8);
  png_set_compression_strategy(png, layout.filters == PNG_FILTER_NONE ? Z_DEFAULT_STRATEGY : Z_FILTERED);
  png_set_filter(png, PNG_FILTER_TYPE_BASE, layout.filters);
  png_set_IHDR(png, info, static_cast<png_uint_32>(layout.width), static_cast<png_uint_32>(layout.height), layout.bit_depth,
               layout.color_type, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  if (!layout.palette.empty()) {
    png_color colours[PNG_MAX_PALETTE_LENGTH];
    for (std::size_t i = 0; i < layout.palette.size(); ++i) {
      colours[i] = {.red = layout.palette[i][0], .green = layout.palette[i][1], .blue = layout.palette[i][2]};
    }
    png_set_PLTE(png, info, colours, static_cast<int>(layout.palette.size()));
  }
  png_write_info(png, info);
  if (layout.bit_depth < 8) {
    png_set_packing(png);
  } else if (layout.bit_depth == 16) {
    png_set_swap(png);  // our memory is little-endian, the file is not
  }
  for (int y = 0; y < layout.height; ++y) {
    png_write_row(png, first + static_cast<std::size_t>(y) * stride);
  }
  png_write_end(png, info);
  return true;
}

std::vector<std::byte> write_png(const PngLayout& layout, const std::uint8_t* first, std::size_t stride) {
  check(layout.height > 0 && layout.width > 0, "write_png: {} x {}", layout.height, layout.width);
  std::vector<std::byte> bytes;
  PngOutput out = {.bytes = &bytes, .jump = {}, .text = {}};
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &out, png_write_failed, [](png_structp, png_const_charp) {});
  png_infop info = png == nullptr ? nullptr : png_create_info_struct(png);
  const bool done = info != nullptr && write_rows(out, png, info, layout, first, stride);
  png_destroy_write_struct(&png, &info);
  check(done, "write_png: {} x {} of {} bits: {}", layout.height, layout.width, layout.bit_depth, out.text);
  return bytes;
}

}  // namespace

std::vector<std::byte> encode_png(const Image& image) {
  check(image.channels == 3, "encode_png: {} channels", image.channels);
  return write_png(
      {.height = image.height, .width = image.width, .color_type = PNG_COLOR_TYPE_RGB, .bit_depth = 8, .filters = PNG_ALL_FILTERS},
      image.pixels.data(), image.row_bytes());
}

std::vector<std::byte> encode_png_labels(const LabelMap& labels, int bit_depth) {
  check(bit_depth == 1 || bit_depth == 2 || bit_depth == 4 || bit_depth == 8 || bit_depth == 16, "encode_png_labels: {} bits", bit_depth);
  for (const std::uint16_t value : labels.values) {
    check(value < (1 << bit_depth), "encode_png_labels: value {} in {} bits", value, bit_depth);
  }
  const PngLayout layout = {.height = labels.height,
                            .width = labels.width,
                            .color_type = PNG_COLOR_TYPE_GRAY,
                            .bit_depth = bit_depth,
                            .filters = PNG_FILTER_NONE};
  const auto width = static_cast<std::size_t>(labels.width);
  if (bit_depth == 16) {
    return write_png(layout, reinterpret_cast<const std::uint8_t*>(labels.values.data()), width * 2);
  }
  const std::vector<std::uint8_t> narrow(labels.values.begin(), labels.values.end());
  return write_png(layout, narrow.data(), width);
}

std::vector<std::byte> encode_png_raw(const RawImage& raw) {
  const int bit_depth = std::bit_width(static_cast<unsigned>(raw.max_value));
  check(raw.channels >= 1 && raw.channels <= 4 && std::has_single_bit(static_cast<unsigned>(raw.max_value) + 1) &&
            (bit_depth == 8 || bit_depth == 16 || (raw.channels == 1 && (bit_depth == 1 || bit_depth == 2 || bit_depth == 4))),
        "encode_png_raw: {} channels, max_value {}", raw.channels, raw.max_value);
  check(!raw.has_palette || (raw.channels == 1 && bit_depth <= 8 && !raw.palette.empty() && raw.palette.size() <= 1U << bit_depth),
        "encode_png_raw: a palette of {} colours, {} channels, {} bits", raw.palette.size(), raw.channels, bit_depth);
  constexpr int kColorTypes[] = {PNG_COLOR_TYPE_GRAY, PNG_COLOR_TYPE_GRAY_ALPHA, PNG_COLOR_TYPE_RGB, PNG_COLOR_TYPE_RGB_ALPHA};
  const bool wide = bit_depth == 16;
  const auto row_values = static_cast<std::size_t>(raw.width) * static_cast<std::size_t>(raw.channels);
  return write_png({.height = raw.height,
                    .width = raw.width,
                    .color_type = raw.has_palette ? PNG_COLOR_TYPE_PALETTE : kColorTypes[raw.channels - 1],
                    .bit_depth = bit_depth,
                    // Filters predict smooth pictures; indices and single bits are none.
                    .filters = raw.has_palette || bit_depth < 8 ? PNG_FILTER_NONE : PNG_ALL_FILTERS,
                    .palette = raw.palette},
                   wide ? reinterpret_cast<const std::uint8_t*>(raw.wide.data()) : raw.narrow.data(), row_values * (wide ? 2 : 1));
}

}  // namespace muster::image
