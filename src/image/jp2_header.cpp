#include "image/jp2_header.hpp"

#include <cstdint>

#include "core/error.hpp"
#include "image/byte_order.hpp"
#include "image/pixel_limit.hpp"

namespace muster::image {
namespace {

using Bytes = std::span<const std::byte>;

constexpr std::uint32_t kTypeHeader = 0x6A703268, kTypeCodestream = 0x6A703263, kTypePalette = 0x70636C72;  // jp2h, jp2c, pclr

[[noreturn]] void refuse_cut_jp2(std::string_view where) {
  throw DataError("{}: this JPEG 2000 file ends within its header; copy it again or remove it", where);
}

struct Jp2Box {
  std::uint32_t type;
  Bytes body;  // up to the end of what there is
  std::size_t next;
};

// The box at `at`: length u32 (0 = to the end, 1 = a u64 follows), type u32, body.
Jp2Box box_at(Bytes bytes, std::size_t at, std::string_view where) {
  if (bytes.size() - at < 8) {
    refuse_cut_jp2(where);
  }
  std::uint64_t length = big32(bytes, at);
  std::size_t head = 8;
  if (length == 1) {
    if (bytes.size() - at < 16) {
      refuse_cut_jp2(where);
    }
    length = std::uint64_t{big32(bytes, at + 8)} << 32 | big32(bytes, at + 12);
    head = 16;
  }
  const std::size_t rest = bytes.size() - at;
  const std::size_t whole = length == 0 || length > rest ? rest : static_cast<std::size_t>(length);
  if (whole < head) {
    throw DataError("{}: a box of {} bytes in this JPEG 2000 file; it is damaged, copy it again or remove it", where, length);
  }
  return {.type = big32(bytes, at + 4), .body = bytes.subspan(at + head, whole - head), .next = at + whole};
}

bool holds_palette(Bytes header_box, std::string_view where) {
  for (std::size_t at = 0; at < header_box.size();) {
    const Jp2Box box = box_at(header_box, at, where);
    if (box.type == kTypePalette) {
      return true;
    }
    at = box.next;
  }
  return false;
}

// SIZ: marker FF51, length u16, capabilities u16, Xsiz Ysiz XOsiz YOsiz XTsiz YTsiz XTOsiz YTOsiz u32, Csiz u16, then per component
// precision - 1 (highest bit: signed), and the two subsampling factors.
void read_siz(Bytes codestream, Jp2Header& header, std::string_view where) {
  constexpr std::size_t kComponents = 42;  // bytes from the start of the codestream to the first component
  if (codestream.size() < kComponents) {
    refuse_cut_jp2(where);
  }
  if (big32(codestream, 0) != 0xFF4FFF51) {
    throw DataError("{}: the JPEG 2000 codestream does not begin with its size; it is damaged, copy it again or remove it", where);
  }
  const std::int64_t right = big32(codestream, 8);
  const std::int64_t bottom = big32(codestream, 12);
  const std::int64_t left = big32(codestream, 16);
  const std::int64_t top = big32(codestream, 20);
  check_pixels(right - left, bottom - top, where);
  header.width = static_cast<int>(right - left);
  header.height = static_cast<int>(bottom - top);
  header.components = big16(codestream, 40);
  if (header.components < 1 || header.components > 4) {
    throw DataError("{}: a JPEG 2000 file of {} components; 1 to 4 are read, so convert it to PNG", where, header.components);
  }
  if (codestream.size() < kComponents + 3 * static_cast<std::size_t>(header.components)) {
    refuse_cut_jp2(where);
  }
  const auto first = std::to_integer<int>(codestream[kComponents]);
  for (std::size_t c = 0; c < static_cast<std::size_t>(header.components); ++c) {
    const std::size_t at = kComponents + 3 * c;
    if (std::to_integer<int>(codestream[at]) != first || codestream[at + 1] != std::byte{1} || codestream[at + 2] != std::byte{1}) {
      throw DataError("{}: a JPEG 2000 file whose components differ in depth or size, which is not read; convert it to PNG", where);
    }
  }
  header.bit_depth = (first & 0x7F) + 1;
  header.is_signed = (first & 0x80) != 0;
  if (header.bit_depth > 16) {
    throw DataError("{}: a JPEG 2000 file of {} bits a component; up to 16 are read, so convert it to PNG", where, header.bit_depth);
  }
}

}  // namespace

Jp2Header read_jp2_header(Bytes bytes, std::string_view where) {
  Jp2Header header;
  if (bytes.size() >= 4 && big32(bytes, 0) == 0xFF4FFF51) {
    read_siz(bytes, header, where);
    return header;
  }
  header.boxed = true;
  for (std::size_t at = 0;;) {
    const Jp2Box box = box_at(bytes, at, where);
    if (box.type == kTypeCodestream) {
      read_siz(box.body, header, where);
      return header;
    }
    if (box.type == kTypeHeader) {
      header.palette = holds_palette(box.body, where);
    }
    at = box.next;
  }
}

}  // namespace muster::image
