// Scores of a whole image from a model that sees windows of one size, and the labels that follow from them.
//
// The rules are EoMT's (spec/models_eomt_dino.md 6.1) and stand in CONTRACTS 15: the short side is resized to the window,
// exactly as Pillow does it; windows slide along the long side; class scores are averaged where windows overlap, resized
// bilinearly to the image's own size, and the best class is taken.
#pragma once

#include <cstddef>
#include <functional>
#include <vector>

#include <ATen/core/Tensor.h>

#include "image/image.hpp"
#include "image/tile_grid.hpp"

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

// [count, 3, height, width] of black pixels, normalised: what stands where a forward has more rows than there are windows.
at::Tensor black_windows(std::size_t count, const WindowSettings& settings);

// One image cut into the windows that a model sees, and the scores that come back. One thread at a time.
class WindowedImage {
 public:
  // Resizes the image, an upright one of 3 channels; keeps the resized pixels, not the image. `settings` must outlive it.
  WindowedImage(const image::Image& image, const WindowSettings& settings);

  std::size_t count() const noexcept { return grid_.windows.size(); }
  // Writes normalised pixels [3, height, width] of a window; where it reaches beyond the image they are black ones.
  void fill(std::size_t window, float* pixels_CHW) const;
  // Adds the scores [C, height, width] of a window. Each window once; the bits of the result depend on the order.
  void add(std::size_t window, const at::Tensor& scores_CHW);
  // [C, h, w], when every window has been added: averaged scores at model resolution, h and w being the size after resizing.
  at::Tensor scores() const;

 private:
  const WindowSettings& settings_;
  image::TileGrid grid_;
  image::Image resized_;
  at::Tensor sum_Chw_;
  at::Tensor covered_hw_;  // by how many windows
};

// The scores of one image by itself: in as few forwards as may be, all of one shape, which depends on this image alone.
at::Tensor window_scores(const image::Image& image, const WindowSettings& settings, const WindowScorer& scorer);

// The class with the highest score at each pixel of a map of height x width, scores being resized bilinearly as torch does with
// align_corners=false; of equal ones the first. Row by row, so that a large image with many classes needs no memory for them.
image::LabelMap best_classes(const at::Tensor& scores_Chw, int height, int width);

}  // namespace muster::task
