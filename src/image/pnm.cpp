#include "image/pnm.hpp"

#include <algorithm>
#include <cstdint>

#include "core/error.hpp"
#include "image/pnm_header.hpp"

namespace muster::image {
namespace {

[[noreturn]] void refuse_cut_pnm(std::size_t present, std::size_t wanted, std::string_view where) {
  throw DataError("{}: premature end of this PNM file: {} of {} bytes of pixels; copy it again or remove it", where, present, wanted);
}

void read_bits(std::span<const std::uint8_t> from, const PnmHeader& header, RawImage& raw, std::string_view where) {
  const auto width = static_cast<std::size_t>(header.width);
  const std::size_t stride = (width + 7) / 8;
  if (const std::size_t wanted = stride * static_cast<std::size_t>(header.height); from.size() < wanted) {
    refuse_cut_pnm(from.size(), wanted, where);
  }
  raw.narrow.resize(header.count());
  for (std::size_t i = 0; i < raw.narrow.size(); ++i) {
    const std::size_t x = i % width;
    const int ink = from[i / width * stride + x / 8] >> (7 - x % 8) & 1;
    raw.narrow[i] = static_cast<std::uint8_t>(1 - ink);
  }
}

void read_samples(std::span<const std::uint8_t> from, const PnmHeader& header, RawImage& raw, std::string_view where) {
  const bool wide = header.max_value > 255;
  const std::size_t wanted = header.count() * (wide ? 2 : 1);
  if (from.size() < wanted) {
    refuse_cut_pnm(from.size(), wanted, where);
  }
  if (wide) {
    raw.wide.resize(header.count());
    for (std::size_t i = 0; i < raw.wide.size(); ++i) {
      raw.wide[i] = static_cast<std::uint16_t>(from[2 * i] << 8 | from[2 * i + 1]);
    }
  } else {
    raw.narrow.assign(from.begin(), from.begin() + static_cast<std::ptrdiff_t>(wanted));
  }
}

// A digit of P1 needs no space around it; a comment may stand between them.
int next_text_bit(std::span<const std::byte> bytes, std::size_t& at, std::string_view where) {
  while (at < bytes.size() && (is_pnm_space(bytes[at]) || bytes[at] == std::byte{'#'})) {
    if (bytes[at++] == std::byte{'#'}) {
      while (at < bytes.size() && bytes[at] != std::byte{'\n'}) {
        ++at;
      }
    }
  }
  if (at == bytes.size() || (bytes[at] != std::byte{'0'} && bytes[at] != std::byte{'1'})) {
    throw DataError("{}: this PBM file has neither 0 nor 1 at byte {}; it is cut off or damaged, save the image again as PNG", where, at);
  }
  return bytes[at++] == std::byte{'1'} ? 1 : 0;
}

void read_text(std::span<const std::byte> bytes, const PnmHeader& header, RawImage& raw, std::string_view where) {
  // A number and its space take two bytes, so that a header cannot ask for more memory than the file is worth.
  const std::size_t least = header.bitmap ? header.count() : 2 * header.count() - 1;
  const std::size_t present = bytes.size() - std::min(bytes.size(), header.data);
  if (present < least) {
    refuse_cut_pnm(present, least, where);
  }
  const bool wide = header.max_value > 255;
  (wide ? raw.wide.resize(header.count()) : raw.narrow.resize(header.count()));
  std::size_t at = header.data;
  for (std::size_t i = 0; i < header.count(); ++i) {
    const int value = header.bitmap ? 1 - next_text_bit(bytes, at, where) : next_pnm_number(bytes, at, where);
    if (value > header.max_value) {
      throw DataError("{}: a pixel of this PNM file is {}, above the {} of its header; save the image again as PNG", where, value,
                      header.max_value);
    }
    if (wide) {
      raw.wide[i] = static_cast<std::uint16_t>(value);
    } else {
      raw.narrow[i] = static_cast<std::uint8_t>(value);
    }
  }
}

}  // namespace

ImageInfo probe_pnm(std::span<const std::byte> bytes, std::string_view where) {
  const PnmHeader header = read_pnm_header(bytes, where);
  ImageInfo out;
  out.height = header.height;
  out.width = header.width;
  out.channels = header.channels;
  out.bit_depth = header.bitmap ? 1 : header.max_value > 255 ? 16 : 8;
  return out;
}

RawImage read_pnm(std::span<const std::byte> bytes, std::string_view where) {
  const PnmHeader header = read_pnm_header(bytes, where);
  RawImage raw;
  raw.height = header.height;
  raw.width = header.width;
  raw.channels = header.channels;
  raw.max_value = header.max_value;
  if (header.text) {
    read_text(bytes, header, raw, where);
    return raw;
  }
  const std::span<const std::byte> data = bytes.subspan(std::min(bytes.size(), header.data));
  const std::span<const std::uint8_t> from(reinterpret_cast<const std::uint8_t*>(data.data()), data.size());
  if (header.bitmap) {
    read_bits(from, header, raw, where);
    return raw;
  }
  read_samples(from, header, raw, where);
  const int largest = raw.wide.empty() ? *std::max_element(raw.narrow.begin(), raw.narrow.end())
                                       : static_cast<int>(*std::max_element(raw.wide.begin(), raw.wide.end()));
  if (largest > header.max_value) {
    throw DataError("{}: a pixel of this PNM file is {}, above the {} of its header; save the image again as PNG", where, largest,
                    header.max_value);
  }
  return raw;
}

}  // namespace muster::image
