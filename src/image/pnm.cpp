#include "image/pnm.hpp"

#include <algorithm>
#include <cstdint>

#include "core/error.hpp"

namespace muster::image {
namespace {

struct Header {
  int channels = 0;
  int width = 0;
  int height = 0;
  int max_value = 0;
  std::size_t data = 0;  // where the samples start

  std::size_t count() const {
    return static_cast<std::size_t>(width) * static_cast<std::size_t>(height) * static_cast<std::size_t>(channels);
  }
};

bool is_space(std::byte b) {
  return b == std::byte{' '} || (b >= std::byte{'\t'} && b <= std::byte{'\r'});
}

// The next number after spaces and comments, which run from # to the end of the line.
int next_number(std::span<const std::byte> bytes, std::size_t& at, std::string_view where) {
  while (at < bytes.size() && (is_space(bytes[at]) || bytes[at] == std::byte{'#'})) {
    if (bytes[at] == std::byte{'#'}) {
      while (at < bytes.size() && bytes[at] != std::byte{'\n'}) {
        ++at;
      }
    } else {
      ++at;
    }
  }
  std::int64_t value = -1;
  for (; at < bytes.size() && bytes[at] >= std::byte{'0'} && bytes[at] <= std::byte{'9'}; ++at) {
    value = std::max<std::int64_t>(value, 0) * 10 + (static_cast<int>(bytes[at]) - '0');
    if (value > kMaxPixels) {
      throw DataError("{}: {} or more stands in the header of this PNM file; up to {} pixels are decoded", where, value, kMaxPixels);
    }
  }
  if (value < 0) {
    throw DataError("{}: the header of this PNM file has no number at byte {}; save the image again as PNG", where, at);
  }
  return static_cast<int>(value);
}

Header read_header(std::span<const std::byte> bytes, std::string_view where) {
  Header header;
  header.channels = bytes[1] == std::byte{'6'} ? 3 : 1;
  std::size_t at = 2;
  header.width = next_number(bytes, at, where);
  header.height = next_number(bytes, at, where);
  header.max_value = next_number(bytes, at, where);
  header.data = at + 1;  // exactly one space follows
  if (header.width < 1 || header.height < 1 || header.max_value < 1 || header.max_value > 65535 ||
      static_cast<std::int64_t>(header.width) * header.height > kMaxPixels) {
    throw DataError("{}: a PNM header of {} x {} pixels with values up to {}; wanted are 1 to {} pixels and values up to 65535", where,
                    header.width, header.height, header.max_value, kMaxPixels);
  }
  return header;
}

}  // namespace

ImageInfo probe_pnm(std::span<const std::byte> bytes, std::string_view where) {
  const Header header = read_header(bytes, where);
  ImageInfo out;
  out.height = header.height;
  out.width = header.width;
  out.channels = header.channels;
  out.bit_depth = header.max_value > 255 ? 16 : 8;
  return out;
}

RawImage read_pnm(std::span<const std::byte> bytes, std::string_view where) {
  const Header header = read_header(bytes, where);
  RawImage raw;
  raw.height = header.height;
  raw.width = header.width;
  raw.channels = header.channels;
  raw.max_value = header.max_value;
  const bool wide = header.max_value > 255;
  const std::size_t wanted = header.count() * (wide ? 2 : 1);
  const std::size_t present = bytes.size() - std::min(bytes.size(), header.data);
  if (present < wanted) {
    throw DataError("{}: premature end of this PNM file: {} of {} bytes of pixels; copy it again or remove it", where, present, wanted);
  }
  const auto* from = reinterpret_cast<const std::uint8_t*>(bytes.data()) + header.data;
  int largest = 0;
  if (wide) {
    raw.wide.resize(header.count());
    for (std::uint16_t& value : raw.wide) {
      value = static_cast<std::uint16_t>(from[0] << 8 | from[1]);
      largest = std::max<int>(largest, value);
      from += 2;
    }
  } else {
    raw.narrow.assign(from, from + wanted);
    largest = *std::max_element(raw.narrow.begin(), raw.narrow.end());
  }
  if (largest > header.max_value) {
    throw DataError("{}: a pixel of this PNM file is {}, above the {} of its header; save the image again as PNG", where, largest,
                    header.max_value);
  }
  return raw;
}

}  // namespace muster::image
