#include "pack/strip_metadata.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

#include "core/error.hpp"

namespace muster::pack {
namespace {

using Bytes = std::span<const std::byte>;

std::uint8_t byte_at(Bytes bytes, std::size_t i) {
  return static_cast<std::uint8_t>(bytes[i]);
}

void append_bytes(std::vector<std::byte>& out, Bytes part) {
  out.insert(out.end(), part.begin(), part.end());
}

bool has_text(Bytes bytes, std::size_t at, std::string_view text) {
  return at + text.size() <= bytes.size() && std::memcmp(bytes.data() + at, text.data(), text.size()) == 0;
}

[[noreturn]] void refuse_structure(std::string_view where, std::size_t at) {
  throw DataError("{}: the structure of the file breaks off at byte {}; its metadata cannot be taken out", where, at);
}

// --- JPEG: ITU T.81, annex B ---------------------------------------------------------------------------------------------------

constexpr std::uint8_t kTem = 0x01, kRst0 = 0xD0, kRst7 = 0xD7, kSoi = 0xD8, kEoi = 0xD9, kSos = 0xDA;
constexpr std::uint8_t kApp0 = 0xE0, kApp14 = 0xEE, kApp15 = 0xEF, kCom = 0xFE;

// The end of the entropy-coded bytes that start at `at`: the next marker that is neither a stuffed zero nor a restart.
std::size_t end_of_scan(Bytes jpeg, std::size_t at) {
  while (at + 1 < jpeg.size()) {
    const std::uint8_t next = byte_at(jpeg, at + 1);
    if (byte_at(jpeg, at) == 0xFF && next != 0 && next != 0xFF && (next < kRst0 || next > kRst7)) {
      return at;
    }
    ++at;
  }
  return jpeg.size();
}

// JFIF (ITU T.871) without its thumbnail: version, units and densities, then a thumbnail of 0 x 0.
void append_jfif(std::vector<std::byte>& out, Bytes segment) {
  constexpr std::size_t kFixed = 16;  // length field, "JFIF\0", version, units, densities
  constexpr std::array<std::byte, 4> kStart{std::byte{0xFF}, std::byte{kApp0}, std::byte{0}, std::byte{kFixed}};
  append_bytes(out, kStart);
  append_bytes(out, segment.subspan(4, kFixed - 4));
  out.resize(out.size() + 2);
}

bool is_kept(std::uint8_t marker, Bytes segment) {
  if (marker == kApp14) {
    return has_text(segment, 4, "Adobe");
  }
  return marker != kCom && (marker < kApp0 || marker > kApp15);
}

std::vector<std::byte> strip_jpeg(Bytes jpeg, std::string_view where) {
  std::vector<std::byte> out;
  out.reserve(jpeg.size());
  std::size_t at = 0;
  while (at + 1 < jpeg.size()) {
    if (byte_at(jpeg, at) != 0xFF) {
      refuse_structure(where, at);
    }
    const std::uint8_t marker = byte_at(jpeg, at + 1);
    if (marker == 0xFF) {  // fill byte
      ++at;
      continue;
    }
    if (marker == kSoi || marker == kTem || (marker >= kRst0 && marker <= kEoi)) {
      append_bytes(out, jpeg.subspan(at, 2));
      at += 2;
      if (marker == kEoi) {
        return out;
      }
      continue;
    }
    if (at + 4 > jpeg.size()) {
      refuse_structure(where, at);
    }
    const std::size_t length = 2 + (std::size_t{byte_at(jpeg, at + 2)} << 8 | byte_at(jpeg, at + 3));
    if (length < 4 || at + length > jpeg.size()) {
      refuse_structure(where, at);
    }
    const Bytes segment = jpeg.subspan(at, length);
    if (marker == kApp0 && has_text(segment, 4, std::string_view("JFIF\0", 5)) && length >= 18) {
      append_jfif(out, segment);
    } else if (is_kept(marker, segment)) {
      append_bytes(out, segment);
    }
    at += length;
    if (marker == kSos) {
      const std::size_t end = end_of_scan(jpeg, at);
      append_bytes(out, jpeg.subspan(at, end - at));
      at = end;
    }
  }
  refuse_structure(where, at);  // no end of image
}

// --- PNG: ISO/IEC 15948, 5.3 ---------------------------------------------------------------------------------------------------

constexpr std::size_t kPngSignature = 8;
constexpr std::string_view kPngKept[] = {"tRNS", "gAMA", "cHRM", "sRGB", "sBIT", "bKGD", "pHYs"};

std::vector<std::byte> strip_png(Bytes png, std::string_view where) {
  if (png.size() < kPngSignature) {
    refuse_structure(where, 0);
  }
  std::vector<std::byte> out(png.begin(), png.begin() + kPngSignature);
  std::size_t at = kPngSignature;
  while (at + 12 <= png.size()) {
    const std::size_t data = std::size_t{byte_at(png, at)} << 24 | std::size_t{byte_at(png, at + 1)} << 16 |
                             std::size_t{byte_at(png, at + 2)} << 8 | byte_at(png, at + 3);
    if (at + 12 + data > png.size()) {
      refuse_structure(where, at);
    }
    const bool critical = (byte_at(png, at + 4) & 0x20) == 0;
    if (critical || std::ranges::any_of(kPngKept, [&](std::string_view name) { return has_text(png, at + 4, name); })) {
      append_bytes(out, png.subspan(at, 12 + data));
    }
    if (has_text(png, at + 4, "IEND")) {
      return out;
    }
    at += 12 + data;
  }
  refuse_structure(where, at);
}

// --- WebP: RFC 9649, 2.3 -------------------------------------------------------------------------------------------------------

constexpr std::string_view kWebpKept[] = {"VP8 ", "VP8L", "VP8X", "ALPH", "ANIM", "ANMF"};
constexpr std::byte kWebpExtras{0x2C};  // flags of VP8X: ICC profile, EXIF, XMP

std::vector<std::byte> strip_webp(Bytes webp, std::string_view where) {
  constexpr std::size_t kRiffHeader = 12;
  if (webp.size() < kRiffHeader) {
    refuse_structure(where, 0);
  }
  const auto size_at = [&](std::size_t at) {
    return std::size_t{byte_at(webp, at)} | std::size_t{byte_at(webp, at + 1)} << 8 | std::size_t{byte_at(webp, at + 2)} << 16 |
           std::size_t{byte_at(webp, at + 3)} << 24;
  };
  const std::size_t end = std::min(webp.size(), 8 + size_at(4));
  std::vector<std::byte> out(webp.begin(), webp.begin() + kRiffHeader);
  for (std::size_t at = kRiffHeader; at + 8 <= end;) {
    const std::size_t data = size_at(at + 4);
    const std::size_t chunk = 8 + data + data % 2;
    if (at + 8 + data > end) {
      refuse_structure(where, at);
    }
    if (std::ranges::any_of(kWebpKept, [&](std::string_view name) { return has_text(webp, at, name); })) {
      append_bytes(out, webp.subspan(at, std::min(chunk, end - at)));
      if (has_text(webp, at, "VP8X") && data > 0) {
        std::byte& flags = out[out.size() - std::min(chunk, end - at) + 8];
        flags &= ~kWebpExtras;
      }
    }
    at += chunk;
  }
  const std::size_t riff = out.size() - 8;
  for (std::size_t i = 0; i < 4; ++i) {
    out[4 + i] = static_cast<std::byte>(riff >> (8 * i) & 0xFF);
  }
  return out;
}

}  // namespace

std::vector<std::byte> strip_metadata(std::span<const std::byte> bytes, image::Codec codec, std::string_view where) {
  switch (codec) {
    case image::Codec::kJpeg:
      return strip_jpeg(bytes, where);
    case image::Codec::kPng:
      return strip_png(bytes, where);
    case image::Codec::kWebp:
      return strip_webp(bytes, where);
    default:
      return {bytes.begin(), bytes.end()};
  }
}

}  // namespace muster::pack
