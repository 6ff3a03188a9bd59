#include "task/window_prediction.hpp"

#include <algorithm>
#include <limits>

#include <spdlog/spdlog.h>

#include <ATen/TensorOperators.h>
#include <ATen/ops/zeros.h>

#include "core/error.hpp"
#include "data/transform.hpp"
#include "image/resize.hpp"
#include "image/tile_grid.hpp"
#include "model/parallel_items.hpp"

namespace muster::task {
namespace {

// The part of an image under a window; black where the window reaches beyond it.
image::Image cut(const image::Image& image, const image::Window& window) {
  image::Image part(window.height, window.width, image.channels);
  const int rows = std::min(window.height, image.height - window.top), columns = std::min(window.width, image.width - window.left);
  for (int y = 0; y < rows; ++y) {
    std::copy_n(image.row(window.top + y) + window.left * image.channels, columns * image.channels, part.row(y));
  }
  return part;
}

// Where an output pixel lies between two input pixels, along one axis of `in` pixels that becomes `out`.
struct Between {
  int first, second;
  float share;  // of the second
};

std::vector<Between> positions(int in, int out) {
  std::vector<Between> result;
  const float scale = static_cast<float>(in) / static_cast<float>(out);
  for (int i = 0; i < out; ++i) {
    const float at = std::max(0.0f, (static_cast<float>(i) + 0.5f) * scale - 0.5f);
    const int first = std::min(static_cast<int>(at), in - 1);
    result.push_back({first, std::min(first + 1, in - 1), at - static_cast<float>(first)});
  }
  return result;
}

}  // namespace

at::Tensor window_scores(const image::Image& image, const WindowSettings& settings, const WindowScorer& scorer) {
  check(image.channels == 3 && image.height > 0 && image.width > 0, "window_scores: image of {} x {} with {} channels", image.height,
        image.width, image.channels);
  const image::TileGrid grid = image::plan_tiles(image.height, image.width, settings.height, settings.width, settings.max_tiles);
  if (grid.padded) {
    spdlog::info("an image of {} x {} pixels would need more than {} windows; it is fitted into one and padded", image.width, image.height,
                 settings.max_tiles);
  }
  const image::Image resized = image::resize_bilinear(image, grid.height, grid.width);
  // As few forwards as may be, all of the same shape, which depends on this image alone.
  const std::size_t forwards =
      (grid.windows.size() + static_cast<std::size_t>(settings.batch) - 1) / static_cast<std::size_t>(settings.batch);
  const std::size_t batch = (grid.windows.size() + forwards - 1) / forwards;
  at::Tensor sum_Chw, covered_hw = at::zeros({grid.height, grid.width});
  for (std::size_t first = 0; first < grid.windows.size(); first += batch) {
    at::Tensor windows_BCHW = at::zeros({static_cast<std::int64_t>(batch), 3, settings.height, settings.width});
    const image::Image black(settings.height, settings.width);
    for (std::size_t i = 0; i < batch; ++i) {
      const bool used = first + i < grid.windows.size();
      data::normalise_into(used ? cut(resized, grid.windows[first + i]) : black,
                           windows_BCHW[static_cast<std::int64_t>(i)].mutable_data_ptr<float>(), settings.mean, settings.std);
    }
    const at::Tensor scores_BCHW = scorer(windows_BCHW);
    if (!sum_Chw.defined()) {
      sum_Chw = at::zeros({scores_BCHW.size(1), grid.height, grid.width}, scores_BCHW.options());
    }
    for (std::size_t i = 0; i < batch && first + i < grid.windows.size(); ++i) {
      const image::Window& window = grid.windows[first + i];
      const int bottom = std::min(window.top + window.height, grid.height), right = std::min(window.left + window.width, grid.width);
      const at::Tensor part_CHW =
          scores_BCHW[static_cast<std::int64_t>(i)].slice(1, 0, bottom - window.top).slice(2, 0, right - window.left);
      sum_Chw.slice(1, window.top, bottom).slice(2, window.left, right) += part_CHW;
      covered_hw.slice(0, window.top, bottom).slice(1, window.left, right) += 1;
    }
  }
  return sum_Chw / covered_hw;
}

image::LabelMap best_classes(const at::Tensor& scores_Chw, int height, int width) {
  const at::Tensor scores = scores_Chw.to(at::kCPU, at::kFloat).contiguous();
  const auto classes = static_cast<int>(scores.size(0)), rows = static_cast<int>(scores.size(1)),
             columns = static_cast<int>(scores.size(2));
  const float* data = scores.const_data_ptr<float>();
  const std::vector<Between> down = positions(rows, height), across = positions(columns, width);
  image::LabelMap labels(height, width);
  model::parallel_items(static_cast<std::size_t>(height), [&](std::size_t y) {
    const Between& at = down[y];
    std::vector<float> blended(static_cast<std::size_t>(columns)),
        best(static_cast<std::size_t>(width), -std::numeric_limits<float>::infinity());
    std::uint16_t* label = labels.row(static_cast<int>(y));
    for (int c = 0; c < classes; ++c) {
      const float* plane = data + static_cast<std::ptrdiff_t>(c) * rows * columns;
      const float* upper = plane + static_cast<std::ptrdiff_t>(at.first) * columns;
      const float* lower = plane + static_cast<std::ptrdiff_t>(at.second) * columns;
      for (std::size_t x = 0; x < blended.size(); ++x) {
        blended[x] = (1 - at.share) * upper[x] + at.share * lower[x];
      }
      for (std::size_t x = 0; x < best.size(); ++x) {
        const Between& to = across[x];
        const float value =
            (1 - to.share) * blended[static_cast<std::size_t>(to.first)] + to.share * blended[static_cast<std::size_t>(to.second)];
        if (value > best[x]) {
          best[x] = value;
          label[x] = static_cast<std::uint16_t>(c);
        }
      }
    }
  });
  return labels;
}

}  // namespace muster::task
