#include "image/pnm_header.hpp"

#include <algorithm>
#include <cstdint>

#include "core/error.hpp"
#include "image/decode.hpp"
#include "image/pixel_limit.hpp"

namespace muster::image {

bool is_pnm_space(std::byte b) noexcept {
  return b == std::byte{' '} || (b >= std::byte{'\t'} && b <= std::byte{'\r'});
}

int next_pnm_number(std::span<const std::byte> bytes, std::size_t& at, std::string_view where) {
  while (at < bytes.size() && (is_pnm_space(bytes[at]) || bytes[at] == std::byte{'#'})) {
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
      throw DataError("{}: {} or more stands in this PNM file; up to {} pixels are decoded", where, value, kMaxPixels);
    }
  }
  if (value < 0) {
    throw DataError("{}: this PNM file has no number at byte {}; it is cut off or damaged, save the image again as PNG", where, at);
  }
  return static_cast<int>(value);
}

PnmHeader read_pnm_header(std::span<const std::byte> bytes, std::string_view where) {
  const int kind = std::to_integer<int>(bytes[1]) - '0';
  PnmHeader header;
  header.text = kind <= 3;
  header.bitmap = kind == 1 || kind == 4;
  header.channels = kind == 3 || kind == 6 ? 3 : 1;
  std::size_t at = 2;
  header.width = next_pnm_number(bytes, at, where);
  header.height = next_pnm_number(bytes, at, where);
  header.max_value = header.bitmap ? 1 : next_pnm_number(bytes, at, where);
  header.data = at + 1;  // exactly one space follows
  check_pixels(header.width, header.height, where);
  if (header.max_value < 1 || header.max_value > 65535) {
    throw DataError("{}: a PNM header with {} as largest value; wanted is 1 to 65535", where, header.max_value);
  }
  return header;
}

}  // namespace muster::image
