// Resizing that equals Pillow's (3.3 to 12) bit for bit, which LightlyTrain, torchvision and the published numbers rest on.
//
// Bilinear and bicubic widen their kernel when they shrink (antialiasing), so INTER_LINEAR of OpenCV is 25-35 dB away
// (spec/data_pipeline.md B.2). Kernels in double, weights of 22 fractional bits, a rounding to 8 bits between the horizontal pass, which is
// first, and the vertical one. (Pillow 13 turns the order round where the height shrinks much more than the width, pull request 9549;
// models were trained and judged with the order above.) All functions are pure; any thread.
#pragma once

#include <optional>
#include <vector>

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

// Where an image lies in the larger picture that it is a part of.
struct PartOf {
  int top = 0;
  int left = 0;
  int height = 0;  // of the whole picture
  int width = 0;
};

struct ResizeRequest {
  int height = 0;
  int width = 0;
  Filter filter = Filter::kBilinear;
  std::optional<Box> box = std::nullopt;        // of the source; default all
  std::optional<Window> window = std::nullopt;  // of the result; only this part is computed, and equals that part of the whole
  std::optional<PartOf> part = std::nullopt;    // the image holds this part of the source, source_window() or more; default all of it
};

Image resize(const Image& image, const ResizeRequest& request);
// The same into memory that is there.
void resize_into(const Image& image, const ResizeRequest& request, Image& out);

// What resize() reads of a source of height x width: the box of the request's window and the support of the filter around it.
Window source_window(const ResizeRequest& request, int height, int width);

inline Image resize_bilinear(const Image& image, int height, int width, std::optional<Box> box = std::nullopt) {
  return resize(image, {.height = height, .width = width, .filter = Filter::kBilinear, .box = box});
}

// Source index of each new one in [offset, offset + count), along one axis: the pixel that holds the centre of the new one.
std::vector<int> nearest_index(int old_size, int new_size, int offset, int count);

// The label at nearest_index() along both axes. `window` as above.
LabelMap resize_nearest(const LabelMap& labels, int height, int width, std::optional<Window> window = std::nullopt);

}  // namespace muster::image
