#include "image/overlay.hpp"

#include <algorithm>
#include <cmath>

#include "core/error.hpp"

namespace muster::image {
namespace {

constexpr std::array<Colour, 12> kPicked = {{
    {230, 60, 60},    // red
    {245, 200, 90},   // sand
    {120, 80, 200},   // violet
    {60, 190, 75},    // green
    {45, 140, 245},   // blue
    {250, 130, 40},   // orange
    {240, 80, 220},   // magenta
    {50, 220, 220},   // cyan
    {190, 235, 60},   // lime
    {165, 95, 45},    // brown
    {250, 175, 190},  // pink
    {20, 115, 100},   // teal
}};

// hue in turns; saturation and value in [0, 1]
Colour from_hsv(double hue, double saturation, double value) {
  const auto channel = [&](double shift) {
    const double k = std::fmod(shift + hue * 6, 6.0);
    return static_cast<std::uint8_t>(std::lround(255 * (value - value * saturation * std::clamp(std::min(k, 4 - k), 0.0, 1.0))));
  };
  return {channel(5), channel(3), channel(1)};
}

}  // namespace

Colour class_colour(int index) {
  check(index >= 0, "class_colour: index={}", index);
  if (index < static_cast<int>(kPicked.size())) {
    return kPicked[static_cast<std::size_t>(index)];
  }
  // Steps of the golden ratio never come near an earlier hue soon; brightness and saturation alternate on top.
  constexpr double kGolden = 0.6180339887498949;
  const double hue = std::fmod(index * kGolden, 1.0);
  return from_hsv(hue, index % 2 == 0 ? 0.9 : 0.55, index % 3 == 0 ? 0.65 : 0.95);
}

std::vector<Colour> class_palette(int classes) {
  std::vector<Colour> palette;
  for (int i = 0; i < classes; ++i) {
    palette.push_back(class_colour(i));
  }
  return palette;
}

Image overlay(const Image& image, const LabelMap& labels, std::span<const Colour> palette, double alpha) {
  check(image.channels == 3 && image.height == labels.height && image.width == labels.width, "overlay: image {} x {}, labels {} x {}",
        image.height, image.width, labels.height, labels.width);
  Image out = image;
  std::uint8_t* pixel = out.pixels.data();
  for (const std::uint16_t label : labels.values) {
    for (std::size_t c = 0; c < 3; ++c, ++pixel) {
      if (label < palette.size()) {
        *pixel = static_cast<std::uint8_t>(std::lround(*pixel * (1 - alpha) + palette[label][c] * alpha));
      }
    }
  }
  return out;
}

Image colour_map(const LabelMap& labels, std::span<const Colour> palette) {
  return overlay(Image(labels.height, labels.width), labels, palette, 1.0);
}

}  // namespace muster::image
