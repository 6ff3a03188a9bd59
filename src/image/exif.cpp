#include "image/exif.hpp"

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

}  // namespace

int tiff_orientation(Bytes tiff) noexcept {
  if (!starts(tiff, "II*\0"sv) && !starts(tiff, "MM\0*"sv)) {
    return 1;
  }
  const Reader reader(tiff, starts(tiff, "MM"sv));
  const std::optional<std::uint32_t> directory = reader.number(4, 4);
  const std::optional<std::uint32_t> entries = directory ? reader.number(*directory, 2) : std::nullopt;
  for (std::size_t i = 0; entries && i < *entries; ++i) {
    const std::size_t entry = *directory + 2 + i * 12;  // tag u16, type u16, count u32, value
    const auto tag = reader.number(entry, 2);
    const auto type = reader.number(entry + 2, 2);
    if (!tag || !type) {
      return 1;
    }
    if (*tag == kOrientationTag) {
      const std::size_t width = *type == kByte ? 1 : *type == kShort ? 2 : *type == kLong ? 4 : 0;
      const auto value = reader.number(entry + 8, width);
      return width != 0 && value && *value >= 1 && *value <= 8 ? static_cast<int>(*value) : 1;
    }
  }
  return 1;
}

int jpeg_orientation(Bytes jpeg) noexcept {
  const Reader reader(jpeg, true);
  std::size_t at = 2;  // past the start-of-image marker
  while (const auto marker = reader.number(at, 2)) {
    if (*marker >> 8 != 0xFF || *marker == 0xFFFF || *marker == 0xFF00) {
      ++at;  // fill bytes, or junk between segments, which decoders skip too
      continue;
    }
    if (*marker == 0xFFDA || *marker == 0xFFD9) {
      return 1;  // pixels begin, or the file ends
    }
    const auto length = reader.number(at + 2, 2);
    if (!length || *length < 2) {
      return 1;
    }
    const std::size_t body = at + 4;
    const std::size_t end = at + 2 + *length;
    if (end > jpeg.size()) {
      return 1;
    }
    const Bytes segment = jpeg.subspan(body, end - body);
    if (*marker == 0xFFE1 && starts(segment, "Exif\0\0"sv)) {
      return tiff_orientation(segment.subspan(6));
    }
    at = end;
  }
  return 1;
}

int png_orientation(Bytes png) noexcept {
  const Reader reader(png, true);
  std::size_t at = 8;  // past the signature; a chunk is length u32, name, body, CRC u32
  while (const auto length = reader.number(at, 4)) {
    const std::size_t body = at + 8;
    if (body > png.size() || png.size() - body < *length) {
      return 1;
    }
    if (starts(png.subspan(at + 4), "eXIf"sv)) {
      return tiff_orientation(png.subspan(body, *length));
    }
    at = body + *length + 4;
  }
  return 1;
}

}  // namespace muster::image
