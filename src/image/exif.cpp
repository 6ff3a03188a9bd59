#include "image/exif.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace muster::image {
namespace {

using namespace std::string_view_literals;
using Bytes = std::span<const std::byte>;

// Numbers of either byte order; outside of the block there is no number.
class Reader {
 public:
  Reader(Bytes bytes, bool big_endian) : bytes_(bytes), big_endian_(big_endian) {}

  std::optional<std::uint32_t> number(std::size_t at, std::size_t width) const noexcept {
    if (at > bytes_.size() || bytes_.size() - at < width) {
      return std::nullopt;
    }
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < width; ++i) {
      value = value << 8 | std::to_integer<std::uint32_t>(bytes_[at + (big_endian_ ? i : width - 1 - i)]);
    }
    return value;
  }

 private:
  Bytes bytes_;
  bool big_endian_;
};

bool starts(Bytes bytes, std::string_view magic) noexcept {
  return std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()).starts_with(magic);
}

constexpr std::uint32_t kOrientationTag = 0x0112;
constexpr std::uint32_t kByte = 1, kShort = 3, kLong = 4;  // TIFF field types that writers use for it

// 0 = none
int find_orientation(Bytes tiff) noexcept {
  if (!starts(tiff, "II*\0"sv) && !starts(tiff, "MM\0*"sv)) {
    return 0;
  }
  const Reader reader(tiff, starts(tiff, "MM"sv));
  const std::optional<std::uint32_t> directory = reader.number(4, 4);
  const std::optional<std::uint32_t> entries = directory ? reader.number(*directory, 2) : std::nullopt;
  for (std::size_t i = 0; entries && i < *entries; ++i) {
    const std::size_t entry = *directory + 2 + i * 12;  // tag u16, type u16, count u32, value
    const auto tag = reader.number(entry, 2);
    const auto type = reader.number(entry + 2, 2);
    if (!tag || !type) {
      return 0;
    }
    if (*tag == kOrientationTag) {
      const std::size_t width = *type == kByte ? 1 : *type == kShort ? 2 : *type == kLong ? 4 : 0;
      const auto value = reader.number(entry + 8, width);
      return width != 0 && value && *value >= 1 && *value <= 8 ? static_cast<int>(*value) : 0;
    }
  }
  return 0;
}

int hex_digit(char c) noexcept {
  return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

constexpr std::string_view kXmpInJpeg = "http://ns.adobe.com/xap/1.0/\0"sv;

}  // namespace

int tiff_orientation(Bytes tiff) noexcept {
  const int found = find_orientation(tiff);
  return found == 0 ? 1 : found;
}

int exif_block_orientation(Bytes block) noexcept {
  return find_orientation(starts(block, "Exif\0\0"sv) ? block.subspan(6) : block);
}

int raw_profile_orientation(std::string_view profile) noexcept {
  // "\nexif\n      32\n4578...": three lines, the third of digits.
  std::size_t at = 0;
  for (int lines = 0; lines < 3; ++lines) {
    at = profile.find('\n', at);
    if (at == std::string_view::npos) {
      return 0;
    }
    ++at;
  }
  std::array<std::byte, 4096> block;  // orientation stands in the first directory, so within the first bytes
  std::size_t size = 0;
  int high = -1;
  for (; at < profile.size() && size < block.size(); ++at) {
    const int digit = hex_digit(profile[at]);
    if (digit < 0) {
      continue;  // line ends
    }
    if (high < 0) {
      high = digit;
    } else {
      block[size++] = static_cast<std::byte>(high << 4 | digit);
      high = -1;
    }
  }
  return exif_block_orientation(Bytes(block).first(size));
}

int xmp_orientation(Bytes packet) noexcept {
  constexpr std::string_view kName = "tiff:Orientation";
  const std::string_view text(reinterpret_cast<const char*>(packet.data()), packet.size());
  std::size_t at = text.find(kName);
  if (at == std::string_view::npos) {
    return 1;
  }
  at += kName.size();
  const std::string_view rest = text.substr(at, 4);
  // ="3" or ='3' as an attribute, >3< as an element
  const bool quoted = rest.size() == 4 && rest[0] == '=' && (rest[1] == '"' || rest[1] == '\'') && rest[3] == rest[1];
  const bool element = rest.size() >= 3 && rest[0] == '>' && rest[2] == '<';
  const char digit = quoted ? rest[2] : element ? rest[1] : '1';
  return digit >= '1' && digit <= '8' ? digit - '0' : 1;
}

int jpeg_orientation(Bytes jpeg) noexcept {
  const Reader reader(jpeg, true);
  int xmp = 1;
  std::size_t at = 2;  // past the start-of-image marker
  while (const auto marker = reader.number(at, 2)) {
    if (*marker >> 8 != 0xFF || *marker == 0xFFFF || *marker == 0xFF00) {
      ++at;  // fill bytes, or junk between segments, which decoders skip too
      continue;
    }
    if (*marker == 0xFFDA || *marker == 0xFFD9) {
      return xmp;  // pixels begin, or the file ends
    }
    const auto length = reader.number(at + 2, 2);
    if (!length || *length < 2) {
      return xmp;
    }
    const std::size_t body = at + 4;
    const std::size_t end = at + 2 + *length;
    if (end > jpeg.size()) {
      return xmp;
    }
    const Bytes segment = jpeg.subspan(body, end - body);
    if (*marker == 0xFFE1 && starts(segment, "Exif\0\0"sv)) {
      if (const int exif = exif_block_orientation(segment); exif != 0) {
        return exif;
      }
    } else if (*marker == 0xFFE1 && starts(segment, kXmpInJpeg)) {
      xmp = xmp_orientation(segment.subspan(kXmpInJpeg.size()));
    }
    at = end;
  }
  return xmp;
}

int png_orientation(Bytes png) noexcept {
  const Reader reader(png, true);
  std::size_t at = 8;  // past the signature; a chunk is length u32, name, body, CRC u32
  while (const auto length = reader.number(at, 4)) {
    const std::size_t body = at + 8;
    if (body > png.size() || png.size() - body < *length) {
      return 0;
    }
    if (starts(png.subspan(at + 4), "eXIf"sv)) {
      return exif_block_orientation(png.subspan(body, *length));
    }
    at = body + *length + 4;
  }
  return 0;
}

}  // namespace muster::image
