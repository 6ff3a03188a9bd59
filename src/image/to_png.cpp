#include "image/transcode.hpp"

#include <cstdint>

#include "core/error.hpp"
#include "image/decode.hpp"
#include "image/encode.hpp"
#include "image/format.hpp"
#include "image/read_raw.hpp"

namespace muster::image {
namespace {

bool has_png_depth(const RawImage& raw) {
  const bool few_bits = raw.max_value == 1 || raw.max_value == 3 || raw.max_value == 15;
  return raw.max_value == 255 || raw.max_value == 65535 || (few_bits && raw.channels == 1);
}

// To the next depth that PNG has for the kind of picture. Different values stay different, and 8 bits decode to the same pixels.
void scale_to_png_depth(RawImage& raw) {
  const auto top = static_cast<std::uint32_t>(raw.max_value);
  for (std::uint8_t& value : raw.narrow) {
    value = static_cast<std::uint8_t>(rescaled(value, top, 255));
  }
  for (std::uint16_t& value : raw.wide) {
    value = static_cast<std::uint16_t>(rescaled(value, top, 65535));
  }
  raw.max_value = raw.wide.empty() ? 255 : 65535;
}

// Damage that decode_rgb() would find at every reading; it must not get into a shard.
void check_indices(const RawImage& raw, std::string_view where) {
  for (const std::uint8_t index : raw.narrow) {
    if (index >= raw.palette.size()) {
      throw DataError("{}: a pixel has palette index {}, but the palette has {} colours; save the image again", where, index,
                      raw.palette.size());
    }
  }
}

}  // namespace

std::vector<std::byte> to_png(std::span<const std::byte> bytes, std::string_view where) {
  const Format format = format_of(bytes);
  if (const Codec codec = probe(bytes, where).codec; codec != Codec::kNone) {
    throw DataError("{} is {}, which is stored as it is and not rewritten as PNG", where, describe(format));
  }
  RawImage raw = read_raw(format, bytes, where);
  if (raw.has_palette) {
    check_indices(raw, where);
  }
  if (!has_png_depth(raw)) {
    scale_to_png_depth(raw);
  }
  return encode_png_raw(raw);
}

}  // namespace muster::image
