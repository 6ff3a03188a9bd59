#include "image/resize.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "core/error.hpp"

// Integer arithmetic, so every variant gives the same bits; ifunc and the thread sanitizer do not get along.
#if defined(__x86_64__) && !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__)
#define MUSTER_WIDE_LOOP __attribute__((target_clones("avx2", "default")))
#else
#define MUSTER_WIDE_LOOP
#endif

namespace muster::image {
namespace {

constexpr int kWeightBits = 22;  // 32 - 8 for the pixel - 2 for sums of a bicubic kernel, which overshoots
constexpr std::int32_t kHalf = 1 << (kWeightBits - 1);

double triangle(double x) {
  return std::max(0.0, 1.0 - std::abs(x));
}

// Keys 1981 with a = -0.5.
double cubic(double x) {
  constexpr double a = -0.5;
  x = std::abs(x);
  if (x < 1.0) {
    return ((a + 2.0) * x - (a + 3.0)) * x * x + 1;
  }
  return x < 2.0 ? (((x - 5) * x + 8) * x - 4) * a : 0.0;
}

// For each of `count` new pixels: the first source pixel, how many, and their weights (`taps` apart).
struct Kernel {
  int taps = 0;
  std::vector<int> first;
  std::vector<int> length;
  std::vector<std::int32_t> weights;

  const std::int32_t* of(int i) const { return weights.data() + static_cast<std::size_t>(i) * static_cast<std::size_t>(taps); }
  int begin() const { return *std::min_element(first.begin(), first.end()); }
  int end() const {
    int last = 0;
    for (std::size_t i = 0; i < first.size(); ++i) {
      last = std::max(last, first[i] + length[i]);
    }
    return last;
  }
};

// New pixels [offset, offset + count) of a line of `new_size`, made from [low, high) of a line of `old_size`.
Kernel make_kernel(int old_size, float low, float high, int new_size, int offset, int count, Filter filter) {
  const double scale = static_cast<double>(high - low) / new_size;
  const double stretch = std::max(scale, 1.0);
  const double support = (filter == Filter::kBilinear ? 1.0 : 2.0) * stretch;
  Kernel kernel;
  kernel.taps = static_cast<int>(std::ceil(support)) * 2 + 1;
  kernel.weights.resize(static_cast<std::size_t>(count) * static_cast<std::size_t>(kernel.taps));
  std::vector<double> exact(static_cast<std::size_t>(kernel.taps));
  for (int i = 0; i < count; ++i) {
    const double centre = low + (offset + i + 0.5) * scale;
    const int first = std::max(static_cast<int>(centre - support + 0.5), 0);
    const int length = std::min(static_cast<int>(centre + support + 0.5), old_size) - first;
    double sum = 0;
    for (int t = 0; t < length; ++t) {
      const double x = (t + first - centre + 0.5) * (1.0 / stretch);
      exact[static_cast<std::size_t>(t)] = filter == Filter::kBilinear ? triangle(x) : cubic(x);
      sum += exact[static_cast<std::size_t>(t)];
    }
    std::int32_t* weights = kernel.weights.data() + static_cast<std::size_t>(i) * static_cast<std::size_t>(kernel.taps);
    for (int t = 0; t < length; ++t) {
      const double weight = (sum != 0 ? exact[static_cast<std::size_t>(t)] / sum : 0.0) * (1 << kWeightBits);
      weights[t] = static_cast<std::int32_t>(weight + (weight < 0 ? -0.5 : 0.5));
    }
    kernel.first.push_back(first);
    kernel.length.push_back(length);
  }
  return kernel;
}

std::uint8_t to_byte(std::int32_t sum) {
  return static_cast<std::uint8_t>(std::clamp(sum >> kWeightBits, 0, 255));
}

MUSTER_WIDE_LOOP
void add_weighted(const std::uint8_t* from, std::int32_t weight, std::int32_t* sums, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    sums[i] += from[i] * weight;
  }
}

MUSTER_WIDE_LOOP
void store_bytes(const std::int32_t* sums, std::uint8_t* to, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    const std::int32_t value = sums[i] >> kWeightBits;
    to[i] = static_cast<std::uint8_t>(value < 0 ? 0 : value > 255 ? 255 : value);
  }
}

// Source rows [top, bottom) only, which are all that the vertical pass reads.
Image pass_horizontally(const Image& image, const Kernel& kernel, int top, int bottom) {
  const auto columns = static_cast<int>(kernel.first.size());
  Image out(bottom - top, columns);
  for (int y = top; y < bottom; ++y) {
    const std::uint8_t* from = image.row(y);
    std::uint8_t* to = out.row(y - top);
    for (int x = 0; x < columns; ++x, to += 3) {
      const std::uint8_t* pixel = from + static_cast<std::size_t>(kernel.first[static_cast<std::size_t>(x)]) * 3;
      const std::int32_t* weights = kernel.of(x);
      std::int32_t red = kHalf, green = kHalf, blue = kHalf;
      for (int t = 0; t < kernel.length[static_cast<std::size_t>(x)]; ++t, pixel += 3) {
        red += pixel[0] * weights[t];
        green += pixel[1] * weights[t];
        blue += pixel[2] * weights[t];
      }
      to[0] = to_byte(red);
      to[1] = to_byte(green);
      to[2] = to_byte(blue);
    }
  }
  return out;
}

// Row 0 of `image` is row `top` of the source that the kernel speaks of.
Image pass_vertically(const Image& image, const Kernel& kernel, int top) {
  const auto rows = static_cast<int>(kernel.first.size());
  Image out(rows, image.width);
  std::vector<std::int32_t> sums(image.row_bytes());
  for (int y = 0; y < rows; ++y) {
    std::fill(sums.begin(), sums.end(), kHalf);
    for (int t = 0; t < kernel.length[static_cast<std::size_t>(y)]; ++t) {
      add_weighted(image.row(kernel.first[static_cast<std::size_t>(y)] + t - top), kernel.of(y)[t], sums.data(), sums.size());
    }
    store_bytes(sums.data(), out.row(y), sums.size());
  }
  return out;
}

Image cut(const Image& image, int top, int left, int height, int width) {
  Image out(height, width);
  for (int y = 0; y < height; ++y) {
    std::copy_n(image.row(top + y) + static_cast<std::size_t>(left) * 3, out.row_bytes(), out.row(y));
  }
  return out;
}

}  // namespace

Image resize(const Image& image, const ResizeRequest& request) {
  const Box box = request.box.value_or(Box{0, 0, static_cast<float>(image.width), static_cast<float>(image.height)});
  const Window window = request.window.value_or(Window{0, 0, request.height, request.width});
  check(image.channels == 3 && image.height > 0 && image.width > 0 && request.height > 0 && request.width > 0,
        "resize: {} x {} x {} to {} x {}", image.height, image.width, image.channels, request.height, request.width);
  check(box.left >= 0 && box.top >= 0 && box.right <= static_cast<float>(image.width) && box.bottom <= static_cast<float>(image.height) &&
            box.left < box.right && box.top < box.bottom,
        "resize: box {} {} {} {} of {} x {}", box.left, box.top, box.right, box.bottom, image.height, image.width);
  check(window.top >= 0 && window.left >= 0 && window.height > 0 && window.width > 0 && window.top + window.height <= request.height &&
            window.left + window.width <= request.width,
        "resize: window {} {} {} {} of {} x {}", window.top, window.left, window.height, window.width, request.height, request.width);

  // A pass that would change nothing is left out, so that an equal size is a copy.
  const bool along_x = request.width != image.width || box.left != 0 || box.right != static_cast<float>(request.width);
  const bool along_y = request.height != image.height || box.top != 0 || box.bottom != static_cast<float>(request.height);
  if (!along_x && !along_y) {
    return cut(image, window.top, window.left, window.height, window.width);
  }
  if (!along_y) {
    const Kernel kernel = make_kernel(image.width, box.left, box.right, request.width, window.left, window.width, request.filter);
    return pass_horizontally(image, kernel, window.top, window.top + window.height);
  }
  const Kernel down = make_kernel(image.height, box.top, box.bottom, request.height, window.top, window.height, request.filter);
  const int top = down.begin();
  if (!along_x) {
    return pass_vertically(cut(image, top, window.left, down.end() - top, window.width), down, top);
  }
  const Kernel across = make_kernel(image.width, box.left, box.right, request.width, window.left, window.width, request.filter);
  return pass_vertically(pass_horizontally(image, across, top, down.end()), down, top);
}

}  // namespace muster::image
