#include "image/pixel_limit.hpp"

#include "core/error.hpp"
#include "image/decode.hpp"

namespace muster::image {

void check_pixels(std::int64_t width, std::int64_t height, std::string_view where) {
  if (width < 1 || height < 1) {
    throw DataError("{}: the header says {} x {} pixels, so there is no picture; copy the file again or remove it", where, width, height);
  }
  if (width > kMaxPixels / height) {
    throw DataError("{}: {} x {} pixels are more than the {} that are decoded; cut the image into tiles", where, width, height, kMaxPixels);
  }
}

}  // namespace muster::image
