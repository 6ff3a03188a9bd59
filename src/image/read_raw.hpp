// The lossless formats, and the first picture of those that hold several, by their first bytes.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "image/format.hpp"
#include "image/raw_image.hpp"

namespace muster::image {

// DataError for what Muster does not read: its name, and what to do. JPEG has no raw form: InvariantError.
RawImage read_raw(Format format, std::span<const std::byte> bytes, std::string_view where);

// "a.gif is a GIF file, which Muster does not read; convert it ..."
[[noreturn]] void refuse_format(Format format, std::string_view where);

}  // namespace muster::image
