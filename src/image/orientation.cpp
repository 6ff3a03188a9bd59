#include "image/orientation.hpp"

#include <cstddef>
#include <utility>

#include "core/error.hpp"

namespace muster::image {
namespace {

// Pixel (y, x) of the upright picture is pixel number start + y * down + x * across of the stored one, which is height x width.
struct Walk {
  std::ptrdiff_t start;
  std::ptrdiff_t down;
  std::ptrdiff_t across;
};

Walk walk_of(int exif, std::ptrdiff_t height, std::ptrdiff_t width) {
  check(exif >= 1 && exif <= 8, "apply_orientation: exif={}", exif);
  const std::ptrdiff_t top_right = width - 1;
  const std::ptrdiff_t bottom_left = (height - 1) * width;
  const std::ptrdiff_t bottom_right = height * width - 1;
  const Walk walks[] = {
      // for 1 to 4, then 5 to 8
      {0, width, 1}, {top_right, width, -1},   {bottom_right, -width, -1}, {bottom_left, -width, 1},
      {0, 1, width}, {bottom_left, 1, -width}, {bottom_right, -1, -width}, {top_right, -1, width},
  };
  return walks[exif - 1];
}

template <class Value, int kChannels>
void copy_upright(const Value* stored, const Walk& walk, int height, int width, Value* to) {
  for (int y = 0; y < height; ++y) {
    const Value* from = stored + (walk.start + y * walk.down) * kChannels;
    for (int x = 0; x < width; ++x, from += walk.across * kChannels, to += kChannels) {
      for (int c = 0; c < kChannels; ++c) {
        to[c] = from[c];
      }
    }
  }
}

}  // namespace

Image apply_orientation(Image image, int exif) {
  const Walk walk = walk_of(exif, image.height, image.width);
  check(image.channels == 3, "apply_orientation: {} channels", image.channels);
  if (exif == 1) {
    return image;
  }
  const bool swap = swaps_sides(exif);
  Image upright(swap ? image.width : image.height, swap ? image.height : image.width);
  copy_upright<std::uint8_t, 3>(image.pixels.data(), walk, upright.height, upright.width, upright.pixels.data());
  return upright;
}

LabelMap apply_orientation(LabelMap labels, int exif) {
  const Walk walk = walk_of(exif, labels.height, labels.width);
  if (exif == 1) {
    return labels;
  }
  const bool swap = swaps_sides(exif);
  LabelMap upright(swap ? labels.width : labels.height, swap ? labels.height : labels.width);
  copy_upright<std::uint16_t, 1>(labels.values.data(), walk, upright.height, upright.width, upright.values.data());
  return upright;
}

}  // namespace muster::image
