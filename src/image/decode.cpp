#include "image/decode.hpp"

#include "core/error.hpp"
#include "image/bmp.hpp"
#include "image/dicom.hpp"
#include "image/format.hpp"
#include "image/jp2.hpp"
#include "image/jpeg.hpp"
#include "image/png.hpp"
#include "image/pnm.hpp"
#include "image/read_raw.hpp"
#include "image/tiff.hpp"
#include "image/webp.hpp"

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
    case Format::kTiff:
      return probe_tiff(bytes, where);
    case Format::kWebp:
      return probe_webp(bytes, where);
    case Format::kJpeg2000:
      return probe_jp2(bytes, where);
    case Format::kDicom:
      return probe_dicom(bytes, where);
    default:
      refuse_format(format, where);
  }
}

Image decode_rgb(std::span<const std::byte> bytes, std::string_view where) {
  switch (const Format format = format_of(bytes)) {
    case Format::kJpeg:
      return decode_jpeg(bytes, where);
    case Format::kWebp:
      return decode_webp(bytes, where);
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
    case Format::kTiff:
      return labels_of(read_tiff_for_labels(bytes, where), where);
    case Format::kJpeg:
    case Format::kWebp:
    case Format::kJpeg2000:
    case Format::kDicom:
      throw DataError("{} is {}, in which labels may have changed, so it is not read as a mask; save the mask as PNG", where,
                      describe(format));
    default:
      refuse_format(format, where);
  }
}

}  // namespace muster::image
