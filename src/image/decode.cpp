#include "image/decode.hpp"

#include "core/error.hpp"
#include "image/bmp.hpp"
#include "image/format.hpp"
#include "image/jpeg.hpp"
#include "image/png.hpp"
#include "image/pnm.hpp"
#include "image/read_raw.hpp"

namespace muster::image {

ImageInfo probe(std::span<const std::byte> bytes, std::string_view where) {
  switch (const Format format = format_of(bytes)) {
    case Format::kJpeg:
      return probe_jpeg(bytes, where);
    case Format::kPng:
      return probe_png(bytes, where);
    case Format::kPnm:
      return probe_pnm(bytes, where);
    case Format::kBmp:
      return probe_bmp(bytes, where);
    default:
      refuse_format(format, where);
  }
}

Image decode_rgb(std::span<const std::byte> bytes, std::string_view where) {
  switch (const Format format = format_of(bytes)) {
    case Format::kJpeg:
      return decode_jpeg(bytes, where);
    default:
      return rgb_of(read_raw(format, bytes, where), where);
  }
}

LabelMap decode_labels(std::span<const std::byte> bytes, std::string_view where) {
  switch (const Format format = format_of(bytes)) {
    case Format::kPng:
    case Format::kPnm:
    case Format::kBmp:
      return labels_of(read_raw(format, bytes, where), where);
    case Format::kJpeg:
      throw DataError("{} is {}, whose values change in compression, so it cannot hold labels; save the mask as PNG", where,
                      describe(format));
    default:
      refuse_format(format, where);
  }
}

}  // namespace muster::image
