// Resizing that equals Pillow's (3.3 to 12) bit for bit, which LightlyTrain, torchvision and the published numbers rest on.
//
// Bilinear and bicubic widen their kernel when they shrink (antialiasing), so INTER_LINEAR of OpenCV is 25-35 dB away
// (spec/data_pipeline.md B.2). Kernels in double, weights of 22 fractional bits, a rounding to 8 bits between the horizontal pass, which is
// first, and the vertical one. (Pillow 13 turns the order round where the height shrinks much more than the width, pull request 9549;
// models were trained and judged with the order above.) All functions are pure; any thread.
#pragma once

#include <optional>

#include "image/image.hpp"

namespace muster::image {

// Part of the source, in pixels, edges at whole numbers. float, as in Pillow: its rounding is part of the result.
struct Box {
  float left;
  float top;
  float right;
  float bottom;
};

// Part of the result, in pixels.
struct Window {
  int top = 0;
  int left = 0;
  int height = 0;
  int width = 0;
  bool operator==(const Window&) const = default;
};

enum class Filter { kBilinear, kBicubic };

struct ResizeRequest {
  int height = 0;
  int width = 0;
  Filter filter = Filter::kBilinear;
  std::optional<Box> box = std::nullopt;        // of the source; default all
  std::optional<Window> window = std::nullopt;  // of the result; only this part is computed, and equals that part of the whole
};

Image resize(const Image& image, const ResizeRequest& request);

inline Image resize_bilinear(const Image& image, int height, int width, std::optional<Box> box = std::nullopt) {
  return resize(image, {.height = height, .width = width, .filter = Filter::kBilinear, .box = box});
}

// The label whose pixel holds the centre of the new one. `window` as above.
LabelMap resize_nearest(const LabelMap& labels, int height, int width, std::optional<Window> window = std::nullopt);

}  // namespace muster::image
