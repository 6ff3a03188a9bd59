#include "image/dicom.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

#include "core/error.hpp"
#include "image/byte_order.hpp"
#include "image/dicom_file.hpp"
#include "image/dicom_grey.hpp"
#include "image/jp2.hpp"
#include "image/jpeg.hpp"

namespace muster::image {
namespace {

bool is_monochrome(const DicomHeader& header) {
  return header.photometric == "MONOCHROME1" || header.photometric == "MONOCHROME2";
}

void check_dicom_kind(const DicomHeader& header, std::string_view where) {
  const bool grey = is_monochrome(header) && header.samples == 1;
  const bool colour = header.samples == 3 && header.bits_allocated == 8 &&
                      (header.photometric == "RGB" || header.photometric.starts_with("YBR_FULL") || header.photometric == "YBR_ICT" ||
                       header.photometric == "YBR_RCT");
  if (!grey && !colour) {
    throw DataError("{} is a DICOM file of {} with {} samples of {} bits, which Muster does not read; convert it to grey or 8-bit RGB",
                    where, header.photometric.empty() ? "no photometric interpretation" : header.photometric, header.samples,
                    header.bits_allocated);
  }
}

// The lowest `bits` bits of a word, as a number with or without sign.
std::int32_t number_of_bits(std::uint32_t word, int bits, bool is_signed) {
  const std::uint32_t value = word & ((1U << bits) - 1);
  const bool negative = is_signed && (value >> (bits - 1) & 1U) != 0;
  return static_cast<std::int32_t>(value) - (negative ? 1 << bits : 0);
}

RawImage empty_colour(const DicomHeader& header) {
  RawImage raw;
  raw.height = header.rows;
  raw.width = header.columns;
  raw.channels = 3;
  raw.narrow.resize(static_cast<std::size_t>(header.rows) * static_cast<std::size_t>(header.columns) * 3);
  return raw;
}

// R = Y + 1.402 (Cr - 128), and so on: PS3.3 C.7.6.3.1.2, full range.
void ybr_to_rgb(std::vector<std::uint8_t>& values) {
  const auto byte = [](double v) { return static_cast<std::uint8_t>(std::clamp<long>(std::lround(v), 0, 255)); };
  for (std::size_t i = 0; i + 2 < values.size(); i += 3) {
    const double y = values[i];
    const double cb = values[i + 1] - 128.0;
    const double cr = values[i + 2] - 128.0;
    values[i] = byte(y + 1.402 * cr);
    values[i + 1] = byte(y - 0.344136 * cb - 0.714136 * cr);
    values[i + 2] = byte(y + 1.772 * cb);
  }
}

RawImage plain_frame(const DicomFrame& frame, std::string_view where) {
  const DicomHeader& header = frame.header;
  const std::size_t pixels = static_cast<std::size_t>(header.rows) * static_cast<std::size_t>(header.columns);
  if (is_monochrome(header)) {
    std::vector<std::int32_t> stored(pixels);
    for (std::size_t i = 0; i < pixels; ++i) {
      const std::uint32_t word = header.bits_allocated == 8 ? std::to_integer<std::uint32_t>(frame.bytes[i]) : little16(frame.bytes, 2 * i);
      stored[i] = number_of_bits(word >> (header.high_bit + 1 - header.bits_stored), header.bits_stored, header.is_signed);
    }
    return grey_of_dicom(header, stored, where);
  }
  if (header.photometric != "RGB" && header.photometric != "YBR_FULL") {
    throw DataError("{} is a DICOM file of {} without compression, which Muster does not read; convert it to RGB", where,
                    header.photometric);
  }
  RawImage raw = empty_colour(header);
  for (std::size_t i = 0; i < raw.narrow.size(); ++i) {
    raw.narrow[i] = std::to_integer<std::uint8_t>(frame.bytes[header.planar ? i % 3 * pixels + i / 3 : i]);
  }
  if (header.photometric == "YBR_FULL") {
    ybr_to_rgb(raw.narrow);
  }
  return raw;
}

void check_inner_size(int height, int width, const DicomHeader& header, std::string_view where) {
  if (height != header.rows || width != header.columns) {
    throw DataError("{}: this DICOM file announces {} x {} pixels and holds a picture of {} x {}; save it again", where, header.columns,
                    header.rows, width, height);
  }
}

RawImage jpeg2000_frame(const DicomFrame& frame, std::string_view where) {
  Jp2Samples samples = read_jp2_samples(frame.bytes, where);
  check_inner_size(samples.height, samples.width, frame.header, where);
  if (samples.components != frame.header.samples || (samples.components == 3 && samples.bit_depth != 8)) {
    throw DataError("{}: this DICOM file announces {} samples and holds a JPEG 2000 picture of {} with {} bits; save it again", where,
                    frame.header.samples, samples.components, samples.bit_depth);
  }
  if (samples.components == 1) {
    for (std::int32_t& value : samples.values) {  // the data set decides about the sign where the codestream says otherwise
      value = number_of_bits(static_cast<std::uint32_t>(value), samples.bit_depth, frame.header.is_signed);
    }
    return grey_of_dicom(frame.header, samples.values, where);
  }
  RawImage raw = empty_colour(frame.header);
  std::ranges::transform(samples.values, raw.narrow.begin(),
                         [](std::int32_t v) { return static_cast<std::uint8_t>(std::clamp(v, 0, 255)); });
  if (frame.header.photometric.starts_with("YBR_FULL")) {  // YBR_ICT and YBR_RCT are undone within JPEG 2000
    ybr_to_rgb(raw.narrow);
  }
  return raw;
}

RawImage jpeg_frame(const DicomFrame& frame, std::string_view where) {
  Image image = decode_jpeg(frame.bytes, where);
  check_inner_size(image.height, image.width, frame.header, where);
  if (is_monochrome(frame.header)) {
    std::vector<std::int32_t> stored(image.pixels.size() / 3);
    for (std::size_t i = 0; i < stored.size(); ++i) {
      stored[i] = image.pixels[3 * i];
    }
    return grey_of_dicom(frame.header, stored, where);
  }
  RawImage raw = empty_colour(frame.header);
  raw.narrow = std::move(image.pixels);
  return raw;
}

}  // namespace

ImageInfo probe_dicom(std::span<const std::byte> bytes, std::string_view where) {
  const DicomHeader header = read_dicom_header(bytes, where);
  check_dicom_kind(header, where);
  ImageInfo out;
  out.height = header.rows;
  out.width = header.columns;
  out.channels = header.samples;
  out.bit_depth = header.bits_allocated;
  out.multiple = header.frames > 1;
  return out;
}

RawImage read_dicom(std::span<const std::byte> bytes, std::string_view where) {
  const DicomFrame frame = read_dicom_frame(bytes, where);
  check_dicom_kind(frame.header, where);
  switch (frame.coding) {
    case DicomCoding::kJpeg2000:
      return jpeg2000_frame(frame, where);
    case DicomCoding::kJpeg:
      return jpeg_frame(frame, where);
    default:
      return plain_frame(frame, where);
  }
}

}  // namespace muster::image
