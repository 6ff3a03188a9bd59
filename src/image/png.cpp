#include "image/png.hpp"

#include <csetjmp>
#include <cstdio>
#include <cstring>

#include <png.h>

#include "core/error.hpp"
#include "image/exif.hpp"
#include "image/pixel_limit.hpp"

namespace muster::image {
namespace {

struct PngState {
  std::span<const std::byte> rest;
  std::jmp_buf jump;
  char text[256];
};

[[noreturn]] void png_read_failed(png_structp png, png_const_charp text) {
  auto* state = static_cast<PngState*>(png_get_error_ptr(png));
  std::snprintf(state->text, sizeof(state->text), "%s", text);
  std::longjmp(state->jump, 1);
}

void take_bytes(png_structp png, png_bytep to, std::size_t count) {
  auto* state = static_cast<PngState*>(png_get_io_ptr(png));
  if (count > state->rest.size()) {
    png_error(png, "premature end of file");
  }
  std::memcpy(to, state->rest.data(), count);
  state->rest = state->rest.subspan(count);
}

class PngReader {
 public:
  PngReader(std::span<const std::byte> bytes, std::string_view where) : where_(where) {
    state_.rest = bytes;
    png_ = png_create_read_struct(PNG_LIBPNG_VER_STRING, &state_, png_read_failed, [](png_structp, png_const_charp) {});
    info_ = png_ == nullptr ? nullptr : png_create_info_struct(png_);
    check(info_ != nullptr, "libpng {} could not be set up", PNG_LIBPNG_VER_STRING);
  }
  ~PngReader() { png_destroy_read_struct(&png_, &info_, nullptr); }
  PngReader(const PngReader&) = delete;
  PngReader& operator=(const PngReader&) = delete;

  // Runs steps that create nothing with a destructor; libpng's error becomes a DataError.
  template <class Steps>
  void demand(Steps&& steps) {
    if (!attempt(steps)) {
      throw DataError("{}: cannot decode this PNG: {}; the file is cut off or damaged, copy it again or remove it", where_, state_.text);
    }
  }

  void read_header() {
    demand([&] {
      png_set_read_fn(png_, &state_, take_bytes);
      png_set_user_limits(png_, 0x7fffffff, 0x7fffffff);  // the area counts, below
      png_read_info(png_, info_);
    });
    check_pixels(png_get_image_width(png_, info_), png_get_image_height(png_, info_), where_);
  }

  png_structp png() const { return png_; }
  png_infop info() const { return info_; }
  int height() const { return static_cast<int>(png_get_image_height(png_, info_)); }
  int width() const { return static_cast<int>(png_get_image_width(png_, info_)); }
  int channels() const { return png_get_channels(png_, info_); }
  int bit_depth() const { return png_get_bit_depth(png_, info_); }
  bool has_palette() const { return png_get_color_type(png_, info_) == PNG_COLOR_TYPE_PALETTE; }

 private:
  template <class Steps>
  bool attempt(Steps&& steps) {
    if (setjmp(state_.jump) != 0) {
      return false;
    }
    steps();
    return true;
  }

  png_structp png_ = nullptr;
  png_infop info_ = nullptr;
  PngState state_ = {};
  std::string_view where_;
};

void copy_palette(const PngReader& reader, RawImage& raw) {
  png_colorp colours = nullptr;
  int count = 0;
  png_get_PLTE(reader.png(), reader.info(), &colours, &count);
  for (int i = 0; i < count; ++i) {
    raw.palette.push_back({colours[i].red, colours[i].green, colours[i].blue});
  }
}

// The eXIf chunk decides, then text chunks: ImageMagick's raw profiles, then XMP.
int orientation_of(const PngReader& reader, std::span<const std::byte> bytes) {
  int found = png_orientation(bytes);
  png_textp texts = nullptr;
  const int count = found != 0 ? 0 : png_get_text(reader.png(), reader.info(), &texts, nullptr);
  int xmp = 1;
  for (int i = 0; i < count && found == 0; ++i) {
    const std::string_view key = texts[i].key;
    const std::string_view text(texts[i].text, texts[i].itxt_length > 0 ? texts[i].itxt_length : texts[i].text_length);
    if (key == "Raw profile type exif" || key == "Raw profile type APP1") {
      found = raw_profile_orientation(text);
    } else if (key == "XML:com.adobe.xmp") {
      xmp = xmp_orientation(std::as_bytes(std::span(text)));
    }
  }
  return found != 0 ? found : xmp;
}

}  // namespace

ImageInfo probe_png(std::span<const std::byte> bytes, std::string_view where) {
  PngReader reader(bytes, where);
  reader.read_header();
  ImageInfo out;
  out.codec = Codec::kPng;
  out.height = reader.height();
  out.width = reader.width();
  out.channels = reader.channels();
  out.bit_depth = reader.bit_depth();
  out.exif_orientation = orientation_of(reader, bytes);
  out.alpha = (png_get_color_type(reader.png(), reader.info()) & PNG_COLOR_MASK_ALPHA) != 0 ||
              png_get_valid(reader.png(), reader.info(), PNG_INFO_tRNS) != 0;
  out.palette = reader.has_palette();
  return out;
}

RawImage read_png(std::span<const std::byte> bytes, std::string_view where) {
  PngReader reader(bytes, where);
  reader.read_header();
  RawImage raw;
  raw.height = reader.height();
  raw.width = reader.width();
  raw.channels = reader.channels();
  raw.max_value = (1 << reader.bit_depth()) - 1;
  raw.has_palette = reader.has_palette();
  if (raw.has_palette) {
    copy_palette(reader, raw);
  }

  const auto row_values = static_cast<std::size_t>(raw.width) * static_cast<std::size_t>(raw.channels);
  const std::size_t count = row_values * static_cast<std::size_t>(raw.height);
  const bool wide = reader.bit_depth() == 16;
  (wide ? raw.wide.resize(count) : raw.narrow.resize(count));
  auto* first = wide ? reinterpret_cast<png_bytep>(raw.wide.data()) : raw.narrow.data();
  std::vector<png_bytep> rows(static_cast<std::size_t>(raw.height));
  for (std::size_t y = 0; y < rows.size(); ++y) {
    rows[y] = first + y * row_values * (wide ? 2 : 1);
  }
  reader.demand([&] {
    png_set_interlace_handling(reader.png());
    png_set_packing(reader.png());  // 1, 2 and 4 bits: a byte each, not scaled
    if (wide) {
      png_set_swap(reader.png());  // big-endian in the file
    }
    png_read_update_info(reader.png(), reader.info());
    png_read_image(reader.png(), rows.data());
    png_read_end(reader.png(), nullptr);
  });
  return raw;
}

}  // namespace muster::image
