#include "image/bmp.hpp"

#include <algorithm>
#include <bit>
#include <cstdint>

#include "core/error.hpp"
#include "image/bmp_header.hpp"
#include "image/bmp_rle.hpp"
#include "image/byte_order.hpp"

namespace muster::image {
namespace {

const std::uint8_t* bmp_row(std::span<const std::byte> bytes, const BmpHeader& bmp, std::size_t stride, int y) {
  const int row = bmp.top_down ? y : bmp.height - 1 - y;
  return reinterpret_cast<const std::uint8_t*>(bytes.data()) + bmp.pixels + static_cast<std::size_t>(row) * stride;
}

// Refuses a file that ends before its last row; the filling bytes of that row may be missing.
std::size_t checked_stride(std::span<const std::byte> bytes, const BmpHeader& bmp, std::string_view where) {
  const std::size_t row_bits = static_cast<std::size_t>(bmp.width) * static_cast<std::size_t>(bmp.bits);
  const std::size_t stride = (row_bits + 31) / 32 * 4;
  const std::size_t wanted = stride * static_cast<std::size_t>(bmp.height - 1) + (row_bits + 7) / 8;
  const std::size_t present = bytes.size() - std::min(bytes.size(), bmp.pixels);
  if (present < wanted) {
    throw DataError("{}: premature end of this BMP file: {} of {} bytes of pixels; copy it again or remove it", where, present, wanted);
  }
  return stride;
}

void read_palette(std::span<const std::byte> bytes, const BmpHeader& bmp, RawImage& raw, std::string_view where) {
  if (bytes.size() < bmp.palette + bmp.colours * bmp.entry) {
    throw DataError("{}: this BMP file ends within its palette; copy it again or remove it", where);
  }
  const auto* from = reinterpret_cast<const std::uint8_t*>(bytes.data()) + bmp.palette;
  for (std::size_t i = 0; i < bmp.colours; ++i, from += bmp.entry) {
    raw.palette.push_back({from[2], from[1], from[0]});  // stored blue, green, red
  }
  raw.has_palette = true;
}

void read_indices(std::span<const std::byte> bytes, const BmpHeader& bmp, RawImage& raw, std::string_view where) {
  const std::size_t stride = checked_stride(bytes, bmp, where);
  raw.narrow.resize(static_cast<std::size_t>(bmp.width) * static_cast<std::size_t>(bmp.height));
  const int per_byte = 8 / bmp.bits;
  std::uint8_t* to = raw.narrow.data();
  for (int y = 0; y < bmp.height; ++y) {
    const std::uint8_t* from = bmp_row(bytes, bmp, stride, y);
    for (int x = 0; x < bmp.width; ++x) {
      const int shift = 8 - bmp.bits * (x % per_byte + 1);  // the leftmost pixel in the highest bits
      *to++ = static_cast<std::uint8_t>(from[x / per_byte] >> shift & raw.max_value);
    }
  }
}

void read_24_bits(std::span<const std::byte> bytes, const BmpHeader& bmp, RawImage& raw, std::string_view where) {
  const std::size_t stride = checked_stride(bytes, bmp, where);
  raw.narrow.resize(static_cast<std::size_t>(bmp.width) * static_cast<std::size_t>(bmp.height) * 3);
  std::uint8_t* to = raw.narrow.data();
  for (int y = 0; y < bmp.height; ++y) {
    const std::uint8_t* from = bmp_row(bytes, bmp, stride, y);
    for (int x = 0; x < bmp.width; ++x, from += 3, to += 3) {
      to[0] = from[2];
      to[1] = from[1];
      to[2] = from[0];
    }
  }
}

// One channel of a pixel of 16 or 32 bits.
struct MaskedChannel {
  std::uint32_t mask;
  int shift;
  std::uint64_t top;  // the largest value

  explicit MaskedChannel(std::uint32_t bits)
      : mask(bits), shift(bits == 0 ? 0 : std::countr_zero(bits)), top(bits == 0 ? 1 : bits >> std::countr_zero(bits)) {}
  std::uint8_t of(std::uint32_t pixel) const { return static_cast<std::uint8_t>(std::uint64_t{(pixel & mask) >> shift} * 255 / top); }
};

void read_masked(std::span<const std::byte> bytes, const BmpHeader& bmp, RawImage& raw, std::string_view where) {
  const std::size_t stride = checked_stride(bytes, bmp, where);
  const auto channels = static_cast<std::size_t>(raw.channels);
  raw.narrow.resize(static_cast<std::size_t>(bmp.width) * static_cast<std::size_t>(bmp.height) * channels);
  const MaskedChannel masked[] = {MaskedChannel(bmp.masks[0]), MaskedChannel(bmp.masks[1]), MaskedChannel(bmp.masks[2]),
                                  MaskedChannel(bmp.masks[3])};
  const int bytes_each = bmp.bits / 8;
  std::uint8_t* to = raw.narrow.data();
  for (int y = 0; y < bmp.height; ++y) {
    const std::uint8_t* from = bmp_row(bytes, bmp, stride, y);
    for (int x = 0; x < bmp.width; ++x, from += bytes_each) {
      const std::uint32_t low = from[0] | static_cast<std::uint32_t>(from[1]) << 8;
      const std::uint32_t pixel =
          bytes_each == 2 ? low : low | static_cast<std::uint32_t>(from[2]) << 16 | static_cast<std::uint32_t>(from[3]) << 24;
      for (std::size_t c = 0; c < channels; ++c) {
        *to++ = masked[c].of(pixel);
      }
    }
  }
}

}  // namespace

ImageInfo probe_bmp(std::span<const std::byte> bytes, std::string_view where) {
  const BmpHeader bmp = read_bmp_header(bytes, where);
  ImageInfo out;
  out.height = bmp.height;
  out.width = bmp.width;
  out.palette = bmp.indexed();
  out.alpha = bmp.masks[3] != 0;
  out.channels = bmp.indexed() ? 1 : out.alpha ? 4 : 3;
  out.bit_depth = bmp.indexed() ? bmp.bits : 8;
  return out;
}

RawImage read_bmp(std::span<const std::byte> bytes, std::string_view where) {
  const BmpHeader bmp = read_bmp_header(bytes, where);
  RawImage raw;
  raw.height = bmp.height;
  raw.width = bmp.width;
  raw.channels = bmp.indexed() ? 1 : bmp.masks[3] != 0 ? 4 : 3;
  raw.max_value = bmp.indexed() ? (1 << bmp.bits) - 1 : 255;
  if (!bmp.indexed()) {
    (bmp.bits == 24 ? read_24_bits : read_masked)(bytes, bmp, raw, where);
    return raw;
  }
  read_palette(bytes, bmp, raw, where);
  if (bmp.packing == BmpPacking::kPlain) {
    read_indices(bytes, bmp, raw, where);
  } else {
    raw.narrow.resize(static_cast<std::size_t>(bmp.width) * static_cast<std::size_t>(bmp.height));
    unpack_bmp_runs(bytes.subspan(std::min(bytes.size(), bmp.pixels)), bmp, raw, where);
  }
  return raw;
}

}  // namespace muster::image
