// PNG through libpng, without any of libpng's conversions: samples come as they are stored, and our own rules follow.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "image/decode.hpp"
#include "image/raw_image.hpp"

namespace muster::image {

ImageInfo probe_png(std::span<const std::byte> bytes, std::string_view where);
RawImage read_png(std::span<const std::byte> bytes, std::string_view where);

}  // namespace muster::image
