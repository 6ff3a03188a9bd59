#include "image/tile_grid.hpp"

#include <algorithm>
#include <cmath>

#include "core/error.hpp"

namespace muster::image {
namespace {

int tiles_along(int side, int window) {
  return (side + window - 1) / window;
}

std::vector<int> starts_along(int side, int window) {
  const int count = tiles_along(side, window);
  const int total = count * window - side;
  const double overlap = count > 1 ? static_cast<double>(total) / (count - 1) : 0.0;
  std::vector<int> starts;
  for (int j = 0; j < count; ++j) {
    starts.push_back(static_cast<int>(j * (window - overlap)));
  }
  return starts;
}

// std::nearbyint in the default mode rounds half to even, as Python's round().
int scaled_side(int side, double factor) {
  return std::max(1, static_cast<int>(std::nearbyint(side * factor)));
}

}  // namespace

TileGrid plan_tiles(int height, int width, int window_height, int window_width, int max_tiles) {
  check(height > 0 && width > 0 && window_height > 0 && window_width > 0 && max_tiles > 0, "plan_tiles: {} x {} by {} x {}, at most {}",
        height, width, window_height, window_width, max_tiles);
  const double down = static_cast<double>(window_height) / height;
  const double across = static_cast<double>(window_width) / width;
  TileGrid grid;
  const double factor = std::max(down, across);
  // One of the two sides is the window's, exactly or but for a rounding; a pixel more would cost a row of windows.
  grid.height = down >= across ? window_height : std::max(window_height, scaled_side(height, factor));
  grid.width = down >= across ? std::max(window_width, scaled_side(width, factor)) : window_width;
  if (tiles_along(grid.height, window_height) * tiles_along(grid.width, window_width) > max_tiles) {
    const double fitted = std::min(down, across);
    grid.height = std::min(window_height, scaled_side(height, fitted));
    grid.width = std::min(window_width, scaled_side(width, fitted));
    grid.windows = {{0, 0, window_height, window_width}};
    grid.padded = true;
    return grid;
  }
  for (const int top : starts_along(grid.height, window_height)) {
    for (const int left : starts_along(grid.width, window_width)) {
      grid.windows.push_back({top, left, window_height, window_width});
    }
  }
  return grid;
}

}  // namespace muster::image
