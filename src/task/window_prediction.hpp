// Scores of a whole image from a model that sees windows of one size, and the labels that follow from them.
//
// The rules are EoMT's (spec/models_eomt_dino.md 6.1) and stand in CONTRACTS 15: the short side is resized to the window,
// exactly as Pillow does it; windows slide along the long side; class scores are averaged where windows overlap, resized
// bilinearly to the image's own size, and the best class is taken.
#pragma once

#include <functional>
#include <vector>

#include <ATen/core/Tensor.h>

#include "image/image.hpp"

namespace muster::task {

struct WindowSettings {
  int height = 0;
  int width = 0;
  int max_tiles = 64;             // more windows than this: the image is fitted into one window, and the rest of it is black
  int batch = 4;                  // windows of one forward at most; what is missing in the last one are black ones
  std::vector<double> mean, std;  // of pixel / 255
};

// Normalised windows [B, 3, height, width] -> class scores [B, C, height, width], fp32 or fp64, on the CPU.
using WindowScorer = std::function<at::Tensor(const at::Tensor& windows_BCHW)>;

// [C, h, w]: averaged scores at model resolution, h and w being the size that the image is resized to.
at::Tensor window_scores(const image::Image& image, const WindowSettings& settings, const WindowScorer& scorer);

// The class with the highest score at each pixel of a map of height x width, scores being resized bilinearly as torch does with
// align_corners=false; of equal ones the first. Row by row, so that a large image with many classes needs no memory for them.
image::LabelMap best_classes(const at::Tensor& scores_Chw, int height, int width);

}  // namespace muster::task
