#include "image/transcode.hpp"

#include "core/error.hpp"
#include "image/encode.hpp"
#include "image/format.hpp"
#include "image/pnm.hpp"

namespace muster::image {

std::vector<std::byte> to_png(std::span<const std::byte> pnm, std::string_view where) {
  if (const Format format = format_of(pnm); format != Format::kPnm) {
    throw DataError("{} is {}; only binary PGM and PPM files are rewritten as PNG", where, describe(format));
  }
  const RawImage raw = read_pnm(pnm, where);
  if (raw.max_value != 255 && raw.max_value != 65535) {
    throw DataError("{}: values up to {} have no PNG of the same meaning; save it with 255 or 65535 as largest value", where,
                    raw.max_value);
  }
  return encode_png_raw(raw);
}

}  // namespace muster::image
