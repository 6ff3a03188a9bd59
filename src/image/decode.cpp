#include "image/decode.hpp"

#include "core/error.hpp"
#include "image/format.hpp"
#include "image/jpeg.hpp"
#include "image/png.hpp"
#include "image/pnm.hpp"

namespace muster::image {
namespace {

[[noreturn]] void refuse(Format format, std::string_view where) {
  switch (format) {
    case Format::kEmpty:
      throw DataError("{} is an empty file (0 bytes), not an image; copy it again or remove it", where);
    case Format::kUnknown:
      throw DataError("{} is {}, judged by its first bytes; remove it or convert it to PNG or JPEG", where, describe(format));
    default:
      throw DataError("{} is {}, which this build does not read yet; convert it to PNG or JPEG", where, describe(format));
  }
}

}  // namespace

ImageInfo probe(std::span<const std::byte> bytes, std::string_view where) {
  switch (const Format format = format_of(bytes)) {
    case Format::kJpeg:
      return probe_jpeg(bytes, where);
    case Format::kPng:
      return probe_png(bytes, where);
    case Format::kPnm:
      return probe_pnm(bytes, where);
    default:
      refuse(format, where);
  }
}

Image decode_rgb(std::span<const std::byte> bytes, std::string_view where) {
  switch (const Format format = format_of(bytes)) {
    case Format::kJpeg:
      return decode_jpeg(bytes, where);
    case Format::kPng:
      return rgb_of(read_png(bytes, where), where);
    case Format::kPnm:
      return rgb_of(read_pnm(bytes, where), where);
    default:
      refuse(format, where);
  }
}

LabelMap decode_labels(std::span<const std::byte> bytes, std::string_view where) {
  switch (const Format format = format_of(bytes)) {
    case Format::kJpeg:
      throw DataError("{} is a JPEG file, whose values change in compression, so it cannot hold labels; save the mask as PNG", where);
    case Format::kPng:
      return labels_of(read_png(bytes, where), where);
    case Format::kPnm:
      return labels_of(read_pnm(bytes, where), where);
    default:
      refuse(format, where);
  }
}

}  // namespace muster::image
