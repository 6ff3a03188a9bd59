#include "image/read_raw.hpp"

#include "core/error.hpp"
#include "image/bmp.hpp"
#include "image/dicom.hpp"
#include "image/jp2.hpp"
#include "image/png.hpp"
#include "image/pnm.hpp"
#include "image/tiff.hpp"
#include "image/webp.hpp"

namespace muster::image {
namespace {

std::string_view remedy_of(Format format) {
  switch (format) {
    case Format::kGif:
    case Format::kPsd:
    case Format::kIco:
      return "convert it, or the frame or layer of it that counts, to PNG";
    case Format::kHeif:
    case Format::kJpegXl:
      return "convert it to JPEG or PNG, for example with heif-convert, djxl or ImageMagick";
    case Format::kPfm:
      return "its floats have no agreed range: scale them to 8 or 16 bits and save them as PNG";
    case Format::kSvg:
      return "render it at the size that you want, as PNG";
    default:
      return "convert it to PNG";
  }
}

}  // namespace

void refuse_format(Format format, std::string_view where) {
  if (format == Format::kEmpty) {
    throw DataError("{} is an empty file (0 bytes), not an image; copy it again or remove it", where);
  }
  if (format == Format::kUnknown) {
    throw DataError("{} is {}, judged by its first bytes; remove it or convert it to PNG or JPEG", where, describe(format));
  }
  throw DataError("{} is {}, which Muster does not read; {}", where, describe(format), remedy_of(format));
}

RawImage read_raw(Format format, std::span<const std::byte> bytes, std::string_view where) {
  switch (format) {
    case Format::kPng:
      return read_png(bytes, where);
    case Format::kPnm:
      return read_pnm(bytes, where);
    case Format::kBmp:
      return read_bmp(bytes, where);
    case Format::kTiff:
      return read_tiff(bytes, where);
    case Format::kWebp:
      return read_webp(bytes, where);
    case Format::kJpeg2000:
      return read_jp2(bytes, where);
    case Format::kDicom:
      return read_dicom(bytes, where);
    case Format::kJpeg:
      check(false, "read_raw: {} is a JPEG file", where);
      [[fallthrough]];
    default:
      refuse_format(format, where);
  }
}

}  // namespace muster::image
