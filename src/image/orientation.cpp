#include "image/orientation.hpp"

#include <utility>

#include "core/error.hpp"

namespace muster::image {
namespace {

// Pixel (y, x) of the upright picture stands at (row, column) of the stored one, which is height x width.
struct Source {
  int row;
  int column;
};

Source source_of(int y, int x, int exif, int height, int width) {
  const int bottom = height - 1;
  const int right = width - 1;
  switch (exif) {
    case 2:
      return {y, right - x};
    case 3:
      return {bottom - y, right - x};
    case 4:
      return {bottom - y, x};
    case 5:
      return {x, y};
    case 6:
      return {bottom - x, y};
    case 7:
      return {bottom - x, right - y};
    case 8:
      return {x, right - y};
    default:
      return {y, x};
  }
}

template <class Map, class Copy>
Map turn(Map stored, Map upright, int exif, Copy copy) {
  check(exif >= 1 && exif <= 8, "apply_orientation: exif={}", exif);
  if (exif == 1) {
    return stored;
  }
  for (int y = 0; y < upright.height; ++y) {
    for (int x = 0; x < upright.width; ++x) {
      const Source from = source_of(y, x, exif, stored.height, stored.width);
      copy(stored.row(from.row), from.column, upright.row(y), x);
    }
  }
  return upright;
}

}  // namespace

Image apply_orientation(Image image, int exif) {
  const int channels = image.channels;
  const bool swap = swaps_sides(exif);
  Image upright(swap ? image.width : image.height, swap ? image.height : image.width, channels);
  return turn(std::move(image), std::move(upright), exif, [channels](const std::uint8_t* from, int i, std::uint8_t* to, int j) {
    for (int c = 0; c < channels; ++c) {
      to[j * channels + c] = from[i * channels + c];
    }
  });
}

LabelMap apply_orientation(LabelMap labels, int exif) {
  const bool swap = swaps_sides(exif);
  LabelMap upright(swap ? labels.width : labels.height, swap ? labels.height : labels.width);
  return turn(std::move(labels), std::move(upright), exif,
              [](const std::uint16_t* from, int i, std::uint16_t* to, int j) { to[j] = from[i]; });
}

}  // namespace muster::image
