#include "image/bmp_header.hpp"

#include <algorithm>
#include <bit>

#include "core/error.hpp"
#include "image/byte_order.hpp"
#include "image/pixel_limit.hpp"

namespace muster::image {
namespace {

constexpr std::size_t kFileHeader = 14;
constexpr std::size_t kCoreHeader = 12;  // the oldest form: sides of 16 bits, colours of three bytes
constexpr std::size_t kInfoHeader = 40;
constexpr std::size_t kLongestHeader = 124;
constexpr std::uint32_t kRgb = 0, kRle8 = 1, kRle4 = 2, kBitFields = 3, kJpegInside = 4, kPngInside = 5, kAlphaBitFields = 6;

[[noreturn]] void refuse_cut_bmp(std::string_view where) {
  throw DataError("{}: this BMP file ends within its header; copy it again or remove it", where);
}

// The bits of one channel must lie side by side.
void check_mask(std::uint32_t mask, std::string_view where) {
  if (mask != 0 && !std::has_single_bit(std::uint64_t{mask >> std::countr_zero(mask)} + 1)) {
    throw DataError("{}: a channel of this BMP file has the bit mask {:08x}, which has a hole; save the image again", where, mask);
  }
}

void read_masks(std::span<const std::byte> bytes, std::uint32_t compression, std::size_t header, BmpHeader& bmp, std::string_view where) {
  if (compression != kBitFields && compression != kAlphaBitFields) {
    bmp.masks = bmp.bits == 16   ? std::array<std::uint32_t, 4>{0x7C00, 0x03E0, 0x001F, 0}
                : bmp.bits == 32 ? std::array<std::uint32_t, 4>{0xFF0000, 0xFF00, 0xFF, 0}
                                 : std::array<std::uint32_t, 4>{};
    return;
  }
  const bool alpha = compression == kAlphaBitFields || header >= 56;
  const std::size_t count = alpha ? 4 : 3;
  const std::size_t first = kFileHeader + kInfoHeader;  // within the longer headers, right behind the shortest
  if (bytes.size() < first + 4 * count) {
    refuse_cut_bmp(where);
  }
  for (std::size_t i = 0; i < count; ++i) {
    bmp.masks[i] = little32(bytes, first + 4 * i);
    check_mask(bmp.masks[i], where);
  }
  if (header == kInfoHeader) {
    bmp.palette += 4 * count;
  }
}

void check_kind(std::uint32_t compression, const BmpHeader& bmp, std::string_view where) {
  if (compression == kJpegInside || compression == kPngInside) {
    throw DataError("{}: a BMP file around a JPEG or PNG picture, as only printers take it; save the picture itself", where);
  }
  const bool known_bits =
      bmp.bits == 1 || bmp.bits == 2 || bmp.bits == 4 || bmp.bits == 8 || bmp.bits == 16 || bmp.bits == 24 || bmp.bits == 32;
  const bool fits = compression == kRgb || (compression == kRle8 && bmp.bits == 8) || (compression == kRle4 && bmp.bits == 4) ||
                    ((compression == kBitFields || compression == kAlphaBitFields) && (bmp.bits == 16 || bmp.bits == 32));
  if (!known_bits || !fits) {
    throw DataError("{}: a BMP file of {} bits a pixel with compression {}, which is not read; convert it to PNG", where, bmp.bits,
                    compression);
  }
}

}  // namespace

BmpHeader read_bmp_header(std::span<const std::byte> bytes, std::string_view where) {
  if (bytes.size() < kFileHeader + kCoreHeader) {
    refuse_cut_bmp(where);
  }
  BmpHeader bmp;
  bmp.pixels = little32(bytes, 10);
  const std::size_t header = little32(bytes, kFileHeader);
  const bool core = header == kCoreHeader;
  if (!core && (header < kInfoHeader || header > kLongestHeader)) {
    throw DataError("{}: a BMP file with a header of {} bytes, which is not read; convert it to PNG", where, header);
  }
  if (bytes.size() < kFileHeader + header) {
    refuse_cut_bmp(where);
  }
  const std::int64_t width = core ? little16(bytes, 18) : static_cast<std::int32_t>(little32(bytes, 18));
  const std::int64_t rows = core ? little16(bytes, 20) : static_cast<std::int32_t>(little32(bytes, 22));
  bmp.top_down = rows < 0;
  const std::int64_t height = bmp.top_down ? -rows : rows;
  check_pixels(width, height, where);
  bmp.width = static_cast<int>(width);
  bmp.height = static_cast<int>(height);
  bmp.bits = little16(bytes, core ? 24 : 28);
  const std::uint32_t compression = core ? kRgb : little32(bytes, 30);
  check_kind(compression, bmp, where);
  bmp.packing = compression == kRle8 ? BmpPacking::kRle8 : compression == kRle4 ? BmpPacking::kRle4 : BmpPacking::kPlain;
  bmp.palette = kFileHeader + header;
  bmp.entry = core ? 3 : 4;
  read_masks(bytes, compression, header, bmp, where);
  if (bmp.indexed()) {
    const std::size_t most = std::size_t{1} << bmp.bits;
    const std::size_t used = core ? 0 : little32(bytes, 46);
    bmp.colours = used == 0 ? most : std::min(used, most);
    if (bmp.pixels > bmp.palette) {  // a shorter palette than announced: the pixels begin where they begin
      bmp.colours = std::min(bmp.colours, (bmp.pixels - bmp.palette) / bmp.entry);
    }
  }
  if (bmp.pixels < kFileHeader + header) {
    throw DataError("{}: the pixels of this BMP file begin at byte {}, within its header; copy it again or remove it", where, bmp.pixels);
  }
  return bmp;
}

}  // namespace muster::image
