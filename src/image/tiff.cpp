#include "image/tiff.hpp"

#include <cstdint>
#include <vector>

#include "core/error.hpp"
#include "image/tiff_file.hpp"
#include "image/tiff_samples.hpp"

namespace muster::image {
namespace {

void invert(RawImage& raw) {
  const auto step = static_cast<std::size_t>(raw.channels);  // alpha is not inverted
  for (std::size_t i = 0; i < raw.narrow.size(); i += step) {
    raw.narrow[i] = static_cast<std::uint8_t>(raw.max_value - raw.narrow[i]);
  }
  for (std::size_t i = 0; i < raw.wide.size(); i += step) {
    raw.wide[i] = static_cast<std::uint16_t>(raw.max_value - raw.wide[i]);
  }
}

// light = (1 - ink) (1 - black), the rule for JPEG files; here inks are stored as they are.
template <class Value>
std::vector<Value> light_of_inks(const std::vector<Value>& inks, int max_value) {
  const auto top = static_cast<std::uint32_t>(max_value);
  std::vector<Value> light(inks.size() / 4 * 3);
  for (std::size_t pixel = 0; pixel < inks.size() / 4; ++pixel) {
    const std::uint32_t white = top - inks[4 * pixel + 3];
    for (std::size_t c = 0; c < 3; ++c) {
      light[3 * pixel + c] = static_cast<Value>(white - rescaled(inks[4 * pixel + c], top, white));
    }
  }
  return light;
}

void copy_colour_map(const TiffFile& file, RawImage& raw) {
  std::uint16_t* red = nullptr;
  std::uint16_t* green = nullptr;
  std::uint16_t* blue = nullptr;
  if (TIFFGetField(file.get(), TIFFTAG_COLORMAP, &red, &green, &blue) == 0) {
    throw DataError("{}: this TIFF file has palette indices but no palette; save the image again", file.where());
  }
  const std::size_t count = std::size_t{1} << file.layout().bits;
  bool small = true;  // early writers stored 8 bits where the format wants 16
  for (std::size_t i = 0; i < count; ++i) {
    small = small && red[i] < 256 && green[i] < 256 && blue[i] < 256;
  }
  const int shift = small ? 0 : 8;
  for (std::size_t i = 0; i < count; ++i) {
    raw.palette.push_back({static_cast<std::uint8_t>(red[i] >> shift), static_cast<std::uint8_t>(green[i] >> shift),
                           static_cast<std::uint8_t>(blue[i] >> shift)});
  }
  raw.has_palette = true;
}

// Subsampled colours outside of JPEG are rare, and libtiff converts them. It could turn the page too, and is told not to.
void read_through_libtiff(TiffFile& file, RawImage& raw) {
  TIFFRGBAImage reader;
  char text[1024] = "";
  if (TIFFRGBAImageOK(file.get(), text) == 0 || TIFFRGBAImageBegin(&reader, file.get(), 1, text) == 0) {
    throw DataError("{}: cannot decode this TIFF: {}; convert it to RGB", file.where(), text);
  }
  reader.req_orientation = reader.orientation;
  const std::size_t pixels = static_cast<std::size_t>(raw.width) * static_cast<std::size_t>(raw.height);
  std::vector<std::uint32_t> raster(pixels);
  const bool done =
      TIFFRGBAImageGet(&reader, raster.data(), static_cast<std::uint32_t>(raw.width), static_cast<std::uint32_t>(raw.height)) != 0;
  TIFFRGBAImageEnd(&reader);
  if (!done || !file.complaint().empty()) {
    file.fail();
  }
  raw.narrow.resize(3 * pixels);
  for (std::size_t i = 0; i < pixels; ++i) {
    raw.narrow[3 * i] = static_cast<std::uint8_t>(TIFFGetR(raster[i]));
    raw.narrow[3 * i + 1] = static_cast<std::uint8_t>(TIFFGetG(raster[i]));
    raw.narrow[3 * i + 2] = static_cast<std::uint8_t>(TIFFGetB(raster[i]));
  }
}

RawImage read_page(TiffFile& file) {
  const TiffLayout& layout = file.layout();
  RawImage raw;
  raw.height = layout.height;
  raw.width = layout.width;
  raw.max_value = (1 << layout.bits) - 1;
  if (layout.meaning == TiffMeaning::kYcbcr) {
    raw.channels = 3;
    raw.max_value = 255;
    read_through_libtiff(file, raw);
    return raw;
  }
  const bool ink = layout.meaning == TiffMeaning::kCmyk;
  const bool colour = ink || layout.meaning == TiffMeaning::kRgb;
  raw.channels = ink ? 4 : (colour ? 3 : 1) + (layout.alpha ? 1 : 0);
  read_tiff_samples(file, raw);
  if (layout.meaning == TiffMeaning::kGreyInverted) {
    invert(raw);
  } else if (layout.meaning == TiffMeaning::kPalette) {
    copy_colour_map(file, raw);
  } else if (ink) {
    raw.narrow = light_of_inks(raw.narrow, raw.max_value);
    raw.wide = light_of_inks(raw.wide, raw.max_value);
    raw.channels = 3;
  }
  return raw;
}

}  // namespace

ImageInfo probe_tiff(std::span<const std::byte> bytes, std::string_view where) {
  const TiffFile file(bytes, where);
  const TiffLayout& layout = file.layout();
  ImageInfo out;
  out.height = layout.height;
  out.width = layout.width;
  out.channels = layout.samples;
  out.bit_depth = layout.bits;
  out.exif_orientation = layout.orientation;
  out.cmyk = layout.meaning == TiffMeaning::kCmyk;
  out.alpha = layout.alpha;
  out.palette = layout.meaning == TiffMeaning::kPalette;
  out.multiple = layout.multiple;
  return out;
}

RawImage read_tiff(std::span<const std::byte> bytes, std::string_view where) {
  TiffFile file(bytes, where);
  return read_page(file);
}

RawImage read_tiff_for_labels(std::span<const std::byte> bytes, std::string_view where) {
  TiffFile file(bytes, where);
  if (file.layout().lossy) {
    throw DataError("{} is a TIFF file compressed with loss, so it cannot hold labels; save the mask as PNG", where);
  }
  return read_page(file);
}

}  // namespace muster::image
