#include "image/format.hpp"

namespace muster::image {
namespace {

using namespace std::string_view_literals;

std::string_view text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// The box after the size of an ISO media file: "ftyp", then a brand.
bool is_heif(std::string_view text) {
  if (text.size() < 12 || text.substr(4, 4) != "ftyp"sv) {
    return false;
  }
  const std::string_view brand = text.substr(8, 4);
  return brand == "avif"sv || brand == "avis"sv || brand == "mif1"sv || brand == "msf1"sv || brand.starts_with("hei"sv) ||
         brand.starts_with("hev"sv);
}

Format pnm_kind(char digit) {
  switch (digit) {
    case '1':
    case '2':
    case '3':
    case '4':
    case '5':
    case '6':
      return Format::kPnm;
    case '7':
      return Format::kPam;
    case 'F':
    case 'f':
      return Format::kPfm;
    default:
      return Format::kUnknown;
  }
}

// TGA begins with: length of an id, colour map yes or no, kind of picture, five bytes of colour map, origin, sides, bits, flags.
bool may_be_tga(std::string_view text) {
  if (text.size() < 18) {
    return false;
  }
  const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(text[at]); };
  const bool mapped = byte(2) == 1 || byte(2) == 9;
  const bool coloured = byte(2) == 2 || byte(2) == 10;
  const bool grey = byte(2) == 3 || byte(2) == 11;
  const bool map_fits = mapped ? byte(1) == 1 && (byte(7) == 15 || byte(7) == 16 || byte(7) == 24 || byte(7) == 32) : byte(1) <= 1;
  const bool bits_fit = coloured ? byte(16) == 15 || byte(16) == 16 || byte(16) == 24 || byte(16) == 32 : byte(16) == 8;
  const bool has_pixels = (byte(12) | byte(13)) != 0 && (byte(14) | byte(15)) != 0;
  return (mapped || coloured || grey) && map_fits && bits_fit && has_pixels;
}

}  // namespace

Format format_of(std::span<const std::byte> bytes) noexcept {
  const std::string_view text = text_of(bytes);
  const auto starts = [&](std::string_view magic) { return text.starts_with(magic); };
  if (text.empty()) {
    return Format::kEmpty;
  }
  // First, since the 128 bytes before its mark are free, and many scanners put a TIFF header there.
  if (text.size() >= 132 && text.substr(128, 4) == "DICM"sv) {
    return Format::kDicom;
  }
  if (starts("\xFF\xD8\xFF"sv)) {
    return Format::kJpeg;
  }
  if (starts("\x89PNG\r\n\x1A\n"sv)) {
    return Format::kPng;
  }
  if (starts("RIFF"sv) && text.size() >= 12 && text.substr(8, 4) == "WEBP"sv) {
    return Format::kWebp;
  }
  if (starts("II*\0"sv) || starts("MM\0*"sv) || starts("II+\0"sv) || starts("MM\0+"sv)) {
    return Format::kTiff;
  }
  if (starts("GIF8"sv)) {
    return Format::kGif;
  }
  if (starts("\0\0\0\x0CjP  "sv) || starts("\xFF\x4F\xFF\x51"sv)) {
    return Format::kJpeg2000;
  }
  if (starts("\xFF\x0A"sv) || starts("\0\0\0\x0CJXL "sv)) {
    return Format::kJpegXl;
  }
  if (is_heif(text)) {
    return Format::kHeif;
  }
  if (starts("8BPS"sv)) {
    return Format::kPsd;
  }
  if (starts("\0\0\1\0"sv)) {
    return Format::kIco;
  }
  if (starts("qoif"sv)) {
    return Format::kQoi;
  }
  if (starts("DDS "sv)) {
    return Format::kDds;
  }
  if (starts("<svg"sv) || (starts("<?xml"sv) && text.substr(0, 1024).find("<svg"sv) != std::string_view::npos)) {
    return Format::kSvg;
  }
  if (starts("BM"sv)) {
    return Format::kBmp;
  }
  if (text.size() >= 3 && text[0] == 'P' && (text[2] == '\n' || text[2] == ' ' || text[2] == '\r' || text[2] == '\t' || text[2] == '#')) {
    return pnm_kind(text[1]);
  }
  return may_be_tga(text) ? Format::kTga : Format::kUnknown;
}

std::string_view describe(Format format) noexcept {
  switch (format) {
    case Format::kEmpty:
      return "an empty file";
    case Format::kUnknown:
      return "no image file of a known kind";
    case Format::kJpeg:
      return "a JPEG file";
    case Format::kPng:
      return "a PNG file";
    case Format::kPnm:
      return "a PBM, PGM or PPM file";
    case Format::kPam:
      return "a PAM file";
    case Format::kPfm:
      return "a PFM file of floats";
    case Format::kWebp:
      return "a WebP file";
    case Format::kTiff:
      return "a TIFF file";
    case Format::kBmp:
      return "a BMP file";
    case Format::kGif:
      return "a GIF file";
    case Format::kJpeg2000:
      return "a JPEG 2000 file";
    case Format::kHeif:
      return "a HEIC or AVIF file";
    case Format::kJpegXl:
      return "a JPEG XL file";
    case Format::kDicom:
      return "a DICOM file";
    case Format::kPsd:
      return "a Photoshop file";
    case Format::kIco:
      return "an icon file";
    case Format::kQoi:
      return "a QOI file";
    case Format::kDds:
      return "a DDS file";
    case Format::kSvg:
      return "an SVG drawing";
    case Format::kTga:
      return "a TGA file";
  }
  return "no image file of a known kind";
}

}  // namespace muster::image
