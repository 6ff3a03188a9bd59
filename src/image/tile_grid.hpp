// Windows that cover an image for prediction, as EoMT evaluates: the short side is scaled to the window, and windows slide along the long
// one, evenly overlapping. (tue-mps/eomt, training/mask_classification_semantic.py; spec/models_eomt_dino.md 6.1.)
#pragma once

#include <vector>

#include "image/resize.hpp"

namespace muster::image {

struct TileGrid {
  int height = 0;  // to which the image is resized
  int width = 0;
  // Each of the window's size. Where `padded`, one window that reaches beyond the resized image at the right and the bottom.
  std::vector<Window> windows;
  bool padded = false;
};

// Scale = max(window / side), sizes rounded half to even; n = ceil(long / window) windows, starting at trunc(j (window - overlap)) with
// overlap = (n window - long) / (n - 1). Where n would exceed max_tiles, the long side is fitted instead, and the rest is padding.
TileGrid plan_tiles(int height, int width, int window_height, int window_width, int max_tiles = 64);

}  // namespace muster::image
