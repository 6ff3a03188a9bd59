// Colour jitter: brightness, contrast, saturation and hue, by torchvision's formulas, without rounding in between.
#pragma once

#include <array>

#include "data/transform_plan.hpp"
#include "image/image.hpp"

namespace muster::data {

enum class ColorChange { kBrightness = 0, kContrast = 1, kSaturation = 2, kHue = 3 };

struct ColorPlan {
  bool active = false;
  double brightness = 1;  // factors; 1 changes nothing
  double contrast = 1;
  double saturation = 1;
  double hue = 0;  // turns of the colour circle, in [-0.5, 0.5]
  std::array<ColorChange, 4> order = {ColorChange::kBrightness, ColorChange::kContrast, ColorChange::kSaturation, ColorChange::kHue};
};

// All four changes or none, in any order; with per_operation each by a toss of its own, in EoMT's order (tue-mps/eomt,
// datasets/transforms.py): brightness, contrast or not yet, saturation, hue, contrast if not before.
ColorPlan draw_color(const ColorJitterOptions& options, const DrawKey& key);

// In place; values are cut to [0, 255] after each change and rounded once, at the end.
void jitter_color(image::Image& image, const ColorPlan& plan);

}  // namespace muster::data
