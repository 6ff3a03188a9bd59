#include "image/resize_kernel.hpp"

#include <algorithm>
#include <cmath>

namespace muster::image {
namespace {

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

// In source pixels.
struct Geometry {
  explicit Geometry(const AxisScale& axis)
      : scale(static_cast<double>(axis.high - axis.low) / axis.new_size),
        stretch(std::max(scale, 1.0)),
        support((axis.filter == Filter::kBilinear ? 1.0 : 2.0) * stretch) {}
  double scale;    // source pixels per new pixel
  double stretch;  // of the filter, which widens where the line shrinks
  double support;
};

double centre_of(const AxisScale& axis, const Geometry& geometry, int i) {
  return axis.low + (i + 0.5) * geometry.scale;
}

Taps taps_around(double centre, double support, int old_size) {
  return {.first = std::max(static_cast<int>(centre - support + 0.5), 0),
          .end = std::min(static_cast<int>(centre + support + 0.5), old_size)};
}

}  // namespace

Taps taps_of(const AxisScale& axis, int i) {
  const Geometry geometry(axis);
  return taps_around(centre_of(axis, geometry, i), geometry.support, axis.old_size);
}

void Kernel::make(const AxisScale& axis, int offset, int count, int origin) {
  const Geometry geometry(axis);
  taps = (static_cast<int>(std::ceil(geometry.support)) * 2 + 1 + 3) / 4 * 4;
  const std::size_t room = static_cast<std::size_t>(count) * static_cast<std::size_t>(taps);
  first.resize(static_cast<std::size_t>(count));
  length.resize(static_cast<std::size_t>(count));
  weights.assign(room, 0);
  high.assign(room, 0);
  low.assign(room, 0);
  exact.resize(static_cast<std::size_t>(taps));
  for (int i = 0; i < count; ++i) {
    const double centre = centre_of(axis, geometry, offset + i);
    const Taps range = taps_around(centre, geometry.support, axis.old_size);
    const int here = range.end - range.first;
    double sum = 0;
    for (int t = 0; t < here; ++t) {
      const double x = (t + range.first - centre + 0.5) * (1.0 / geometry.stretch);
      const double value = axis.filter == Filter::kBilinear ? triangle(x) : cubic(x);
      exact[static_cast<std::size_t>(t)] = value;
      sum += value;
    }
    for (int t = 0; t < here; ++t) {
      const double share = (sum != 0 ? exact[static_cast<std::size_t>(t)] / sum : 0.0) * (1 << kWeightBits);
      const auto weight = static_cast<std::int32_t>(share + (share < 0 ? -0.5 : 0.5));
      const std::size_t at = place(i) + static_cast<std::size_t>(t);
      weights[at] = weight;
      high[at] = static_cast<std::int16_t>(weight >> kLowBits);
      low[at] = static_cast<std::int16_t>(weight & ((1 << kLowBits) - 1));
    }
    first[static_cast<std::size_t>(i)] = range.first - origin;
    length[static_cast<std::size_t>(i)] = here;
  }
}

}  // namespace muster::image
