// A prediction or a mask laid over its image, for people to look at.
#pragma once

#include <array>
#include <span>
#include <vector>

#include "image/image.hpp"

namespace muster::image {

using Colour = std::array<std::uint8_t, 3>;

// The same colour for the same index, always; the first ones were picked to be told apart on photographs, the rest walk around the colour
// circle.
Colour class_colour(int index);
std::vector<Colour> class_palette(int classes);

// image (1 - alpha) + colour alpha where palette[label] exists; other labels (void) show the image. Sizes must be equal: InvariantError.
Image overlay(const Image& image, const LabelMap& labels, std::span<const Colour> palette, double alpha = 0.6);

// The colours alone, void black.
Image colour_map(const LabelMap& labels, std::span<const Colour> palette);

}  // namespace muster::image
