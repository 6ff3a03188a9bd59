#include "task/window_prediction.hpp"

#include <algorithm>
#include <limits>

#include <spdlog/spdlog.h>

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>

#include "core/error.hpp"
#include "data/transform.hpp"
#include "image/resize.hpp"
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

at::Tensor black_windows(std::size_t count, const WindowSettings& settings) {
  at::Tensor windows_BCHW = at::empty({static_cast<std::int64_t>(count), 3, settings.height, settings.width});
  const image::Image black(settings.height, settings.width);
  for (std::size_t i = 0; i < count; ++i) {
    data::normalise_into(black, windows_BCHW[static_cast<std::int64_t>(i)].mutable_data_ptr<float>(), settings.mean, settings.std);
  }
  return windows_BCHW;
}

WindowedImage::WindowedImage(const image::Image& image, const WindowSettings& settings) : settings_(settings) {
  check(image.channels == 3 && image.height > 0 && image.width > 0, "WindowedImage: image of {} x {} with {} channels", image.height,
        image.width, image.channels);
  grid_ = image::plan_tiles(image.height, image.width, settings.height, settings.width, settings.max_tiles);
  if (grid_.padded) {
    spdlog::info("an image of {} x {} pixels would need more than {} windows; it is fitted into one and padded", image.width, image.height,
                 settings.max_tiles);
  }
  resized_ = image::resize_bilinear(image, grid_.height, grid_.width);
  covered_hw_ = at::zeros({grid_.height, grid_.width});
}

void WindowedImage::fill(std::size_t window, float* pixels_CHW) const {
  data::normalise_into(cut(resized_, grid_.windows.at(window)), pixels_CHW, settings_.mean, settings_.std);
}

void WindowedImage::add(std::size_t window, const at::Tensor& scores_CHW) {
  const image::Window& place = grid_.windows.at(window);
  if (!sum_Chw_.defined()) {
    sum_Chw_ = at::zeros({scores_CHW.size(0), grid_.height, grid_.width}, scores_CHW.options());
  }
  const int bottom = std::min(place.top + place.height, grid_.height), right = std::min(place.left + place.width, grid_.width);
  sum_Chw_.slice(1, place.top, bottom).slice(2, place.left, right) +=
      scores_CHW.slice(1, 0, bottom - place.top).slice(2, 0, right - place.left);
  covered_hw_.slice(0, place.top, bottom).slice(1, place.left, right) += 1;
}

at::Tensor WindowedImage::scores() const {
  return sum_Chw_ / covered_hw_;
}

at::Tensor window_scores(const image::Image& image, const WindowSettings& settings, const WindowScorer& scorer) {
  WindowedImage windowed(image, settings);
  const std::size_t most = static_cast<std::size_t>(settings.batch), forwards = (windowed.count() + most - 1) / most;
  const std::size_t batch = (windowed.count() + forwards - 1) / forwards;
  for (std::size_t first = 0; first < windowed.count(); first += batch) {
    const at::Tensor windows_BCHW = black_windows(batch, settings);
    const std::size_t used = std::min(batch, windowed.count() - first);
    for (std::size_t i = 0; i < used; ++i) {
      windowed.fill(first + i, windows_BCHW[static_cast<std::int64_t>(i)].mutable_data_ptr<float>());
    }
    const at::Tensor scores_BCHW = scorer(windows_BCHW);
    for (std::size_t i = 0; i < used; ++i) {
      windowed.add(first + i, scores_BCHW[static_cast<std::int64_t>(i)]);
    }
  }
  return windowed.scores();
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
