// The check that stands between a header and memory, the same for every format.
#pragma once

#include <cstdint>
#include <string_view>

namespace muster::image {

// Throws DataError naming `where` for no pixels at all and for more than kMaxPixels. Any values, also those of a hostile header.
void check_pixels(std::int64_t width, std::int64_t height, std::string_view where);

}  // namespace muster::image
