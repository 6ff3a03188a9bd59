#include "image/raw_image.hpp"

#include <cstddef>
#include <utility>

#include "core/error.hpp"

namespace muster::image {
namespace {

template <class Value, class Convert>
Image spread(const RawImage& raw, const std::vector<Value>& values, Convert convert) {
  Image image(raw.height, raw.width);
  const auto channels = static_cast<std::size_t>(raw.channels);
  const std::size_t green = channels >= 3 ? 1 : 0;  // grey is repeated
  const std::size_t blue = channels >= 3 ? 2 : 0;
  const Value* from = values.data();
  for (std::size_t at = 0; at < image.pixels.size(); at += 3, from += channels) {
    image.pixels[at] = convert(from[0]);
    image.pixels[at + 1] = convert(from[green]);
    image.pixels[at + 2] = convert(from[blue]);
  }
  return image;
}

Image look_up(const RawImage& raw, std::string_view where) {
  Image image(raw.height, raw.width);
  std::size_t at = 0;
  for (const std::uint8_t index : raw.narrow) {
    if (index >= raw.palette.size()) {
      throw DataError("{}: a pixel has palette index {}, but the palette has {} colours; save the image again", where, index,
                      raw.palette.size());
    }
    for (const std::uint8_t value : raw.palette[index]) {
      image.pixels[at++] = value;
    }
  }
  return image;
}

}  // namespace

Image rgb_of(RawImage raw, std::string_view where) {
  if (raw.has_palette) {
    return look_up(raw, where);
  }
  const auto top = static_cast<std::uint32_t>(raw.max_value);
  if (!raw.wide.empty()) {
    // v / 257, rounded, of 16 bits
    return spread(raw, raw.wide, [top](std::uint32_t v) {
      return static_cast<std::uint8_t>(rescaled(top == 65535 ? v : rescaled(v, top, 65535), 65535, 255));
    });
  }
  if (raw.channels == 3 && raw.max_value == 255) {
    Image image;
    image.height = raw.height;
    image.width = raw.width;
    image.pixels = std::move(raw.narrow);
    return image;
  }
  return spread(raw, raw.narrow, [top](std::uint32_t v) { return static_cast<std::uint8_t>(rescaled(v, top, 255)); });
}

LabelMap labels_of(RawImage raw, std::string_view where) {
  if (raw.channels >= 3) {
    throw DataError(
        "{} is a colour image, and a mask with one number per pixel was wanted; give each class its RGB colours in the class file, "
        "or save the mask as a grey or palette PNG",
        where);
  }
  LabelMap labels(raw.height, raw.width);
  const auto stride = static_cast<std::size_t>(raw.channels);
  for (std::size_t i = 0; i < labels.values.size(); ++i) {
    labels.values[i] = raw.wide.empty() ? raw.narrow[i * stride] : raw.wide[i * stride];
  }
  return labels;
}

}  // namespace muster::image
