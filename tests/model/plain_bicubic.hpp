// Bicubic resizing along one axis as a matrix, in plain loops after the formulas: what ATen's kernels are compared with.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

namespace muster::model {

// Keys 1981, eq. 15: 1 at 0, 0 at 1 and beyond 2.
inline double cubic(double x, double a) {
  x = std::abs(x);
  if (x < 1) {
    return ((a + 2) * x - (a + 3)) * x * x + 1;
  }
  return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
}

using Matrix = std::vector<std::vector<double>>;  // [to][from]

// Output i lies at (i + 0.5) * step - 0.5 of the input; four neighbours, those beyond the edge replaced by the edge.
inline Matrix cubic_matrix(std::int64_t from, std::int64_t to, double step) {
  Matrix matrix(static_cast<std::size_t>(to), std::vector<double>(static_cast<std::size_t>(from), 0));
  for (std::int64_t i = 0; i < to; ++i) {
    const double at = (static_cast<double>(i) + 0.5) * step - 0.5;
    const auto left = static_cast<std::int64_t>(std::floor(at));
    for (std::int64_t j = left - 1; j <= left + 2; ++j) {
      const auto column = static_cast<std::size_t>(std::clamp<std::int64_t>(j, 0, from - 1));
      matrix[static_cast<std::size_t>(i)][column] += cubic(at - static_cast<double>(j), -0.75);
    }
  }
  return matrix;
}

// The kernel is widened by the step where the image shrinks; neighbours beyond the edge are left out and the rest normalised.
inline Matrix antialiased_matrix(std::int64_t from, std::int64_t to) {
  const double step = static_cast<double>(from) / static_cast<double>(to), width = std::max(step, 1.0);
  Matrix matrix(static_cast<std::size_t>(to), std::vector<double>(static_cast<std::size_t>(from), 0));
  for (std::int64_t i = 0; i < to; ++i) {
    std::vector<double>& row = matrix[static_cast<std::size_t>(i)];
    const double centre = (static_cast<double>(i) + 0.5) * step;
    const auto begin = std::max<std::int64_t>(0, static_cast<std::int64_t>(centre - 2 * width + 0.5));
    const auto end = std::min<std::int64_t>(from, static_cast<std::int64_t>(centre + 2 * width + 0.5));
    double total = 0;
    for (std::int64_t j = begin; j < end; ++j) {
      row[static_cast<std::size_t>(j)] = cubic((static_cast<double>(j) - centre + 0.5) / width, -0.5);
      total += row[static_cast<std::size_t>(j)];
    }
    for (double& weight : row) {
      weight /= total;
    }
  }
  return matrix;
}

}  // namespace muster::model
