#include "model/upscale_kernel.hpp"

#include <array>
#include <cmath>
#include <vector>

#include <ATen/Parallel.h>

#include "model/wide_vectors.hpp"

namespace muster::model {
namespace {

template <class T>
using Taps = std::array<const T*, 9>;  // the 3x3 neighbourhood of a pixel, row by row; [D] each

// Sums in 16 lanes, which become vector registers; the order does not depend on the compiler.
template <class T>
[[gnu::always_inline]] inline T dot(const T* __restrict a, const T* __restrict b, std::int64_t n) {
  T lanes[16] = {};
  std::int64_t i = 0;
  for (; i + 16 <= n; i += 16) {
    for (int j = 0; j < 16; ++j) {
      lanes[j] += a[i + j] * b[i + j];
    }
  }
  for (int j = 0; i < n; ++i, ++j) {
    lanes[j] += a[i] * b[i];
  }
  for (int width = 8; width > 0; width /= 2) {
    for (int j = 0; j < width; ++j) {
      lanes[j] += lanes[j + width];
    }
  }
  return lanes[0];
}

template <class T>
[[gnu::always_inline]] inline void weighted_sum_of(const Taps<T>& taps, const T* __restrict weight, std::int64_t dim, T* __restrict sum) {
  for (std::int64_t d = 0; d < dim; ++d) {
    T value = taps[0][d] * weight[d];
    for (std::size_t t = 1; t < 9; ++t) {
      value += taps[t][d] * weight[static_cast<std::int64_t>(t) * dim + d];
    }
    sum[d] = value;
  }
}

// x -> (x - mean) / sqrt(var + eps) in place, and the result scaled and shifted; returns 1 / sqrt(var + eps). `ones` [D]
template <class T>
[[gnu::always_inline]] inline T normalise_of(T* __restrict x, const T* __restrict ones, const T* __restrict scale,
                                             const T* __restrict shift, T eps, std::int64_t dim, T* __restrict out) {
  const T mean = dot<T>(x, ones, dim) / static_cast<T>(dim);
  for (std::int64_t d = 0; d < dim; ++d) {
    x[d] -= mean;
  }
  const T rstd = 1 / std::sqrt(dot<T>(x, x, dim) / static_cast<T>(dim) + eps);
  for (std::int64_t d = 0; d < dim; ++d) {
    x[d] *= rstd;
    out[d] = x[d] * scale[d] + shift[d];
  }
  return rstd;
}

template <class T>
[[gnu::always_inline]] inline void normalise_backward_of(const T* __restrict gradient, const T* __restrict normed, const T* __restrict ones,
                                                         const T* __restrict scale, T rstd, std::int64_t dim, T* __restrict result,
                                                         T* __restrict scale_gradient, T* __restrict shift_gradient) {
  for (std::int64_t d = 0; d < dim; ++d) {
    result[d] = gradient[d] * scale[d];
    scale_gradient[d] += gradient[d] * normed[d];
    shift_gradient[d] += gradient[d];
  }
  const T mean = dot<T>(result, ones, dim) / static_cast<T>(dim);
  const T slope = dot<T>(result, normed, dim) / static_cast<T>(dim);
  for (std::int64_t d = 0; d < dim; ++d) {
    result[d] = (result[d] - mean - normed[d] * slope) * rstd;
  }
}

template <class T>
[[gnu::always_inline]] inline void add_products_of(const Taps<T>& taps, const T* __restrict gradient, std::int64_t dim,
                                                   T* __restrict weight_gradient) {
  for (std::size_t t = 0; t < 9; ++t) {
    T* __restrict row = weight_gradient + static_cast<std::int64_t>(t) * dim;
    const T* __restrict tap = taps[t];
    for (std::int64_t d = 0; d < dim; ++d) {
      row[d] += gradient[d] * tap[d];
    }
  }
}

// clang-format off
#define MUSTER_FOR_TYPE(T) \
  MUSTER_FUSED_VECTORS void weighted_sum(const Taps<T>& taps, const T* weight, std::int64_t dim, T* sum) { weighted_sum_of(taps, weight, dim, sum); } \
  MUSTER_FUSED_VECTORS T normalise(T* x, const T* ones, const T* scale, const T* shift, T eps, std::int64_t dim, T* out) { \
    return normalise_of(x, ones, scale, shift, eps, dim, out); } \
  MUSTER_FUSED_VECTORS void normalise_backward(const T* gradient, const T* normed, const T* ones, const T* scale, T rstd, std::int64_t dim, \
                                               T* result, T* scale_gradient, T* shift_gradient) { \
    normalise_backward_of(gradient, normed, ones, scale, rstd, dim, result, scale_gradient, shift_gradient); } \
  MUSTER_FUSED_VECTORS void add_products(const Taps<T>& taps, const T* gradient, std::int64_t dim, T* weight_gradient) { \
    add_products_of(taps, gradient, dim, weight_gradient); }
// clang-format on
MUSTER_FOR_TYPE(float)
MUSTER_FOR_TYPE(double)
#undef MUSTER_FOR_TYPE

// Where a pixel of the doubled map lies, in either order.
struct Geometry {
  explicit Geometry(const QuadShape& s) : shape(s), rows(2 * s.height), columns(2 * s.width) {}

  std::int64_t in_map(std::int64_t image, std::int64_t y, std::int64_t x) const { return ((image * rows + y) * columns + x) * shape.dim; }
  std::int64_t in_quads(std::int64_t image, std::int64_t y, std::int64_t x) const {
    const std::int64_t quad = (image * shape.height + y / 2) * shape.width + x / 2;
    return (quad * 4 + y % 2 * 2 + x % 2) * shape.dim;
  }
  // The neighbourhood of (y, x), where `place` gives the offset of a pixel in `values` and pixels beyond the border are `zeros`.
  template <class T, class Place>
  Taps<T> taps(std::int64_t y, std::int64_t x, const T* values, const T* zeros, const Place& place) const {
    Taps<T> result;
    for (std::int64_t t = 0; t < 9; ++t) {
      const std::int64_t ty = y + t / 3 - 1, tx = x + t % 3 - 1;
      const bool inside = ty >= 0 && ty < rows && tx >= 0 && tx < columns;
      result[static_cast<std::size_t>(t)] = inside ? values + place(ty, tx) : zeros;
    }
    return result;
  }
  // Calls visit(chunk, image, y, x) for every pixel; a chunk is the work of one thread.
  template <class Visit>
  void for_each_pixel(const Visit& visit) const {
    const std::int64_t per_image = shape.chunks() / shape.batch;
    at::parallel_for(0, shape.chunks(), 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t chunk = begin; chunk < end; ++chunk) {
        const std::int64_t first = chunk % per_image * QuadShape::kRowsPerChunk;
        for (std::int64_t y = first; y < std::min(first + QuadShape::kRowsPerChunk, rows); ++y) {
          for (std::int64_t x = 0; x < columns; ++x) {
            visit(chunk, chunk / per_image, y, x);
          }
        }
      }
    });
  }

  QuadShape shape;
  std::int64_t rows, columns;
};

}  // namespace

template <class T>
void conv_norm_forward(const QuadShape& shape, const T* quads, const T* weight, const T* scale, const T* shift, T eps, T* out, T* normed,
                       T* rstd) {
  const Geometry geometry(shape);
  const std::vector<T> zeros(static_cast<std::size_t>(shape.dim), 0), ones(static_cast<std::size_t>(shape.dim), 1);
  geometry.for_each_pixel([&](std::int64_t, std::int64_t image, std::int64_t y, std::int64_t x) {
    const auto place = [&](std::int64_t ty, std::int64_t tx) { return geometry.in_quads(image, ty, tx); };
    const std::int64_t at = geometry.in_map(image, y, x);
    weighted_sum(geometry.taps(y, x, quads, zeros.data(), place), weight, shape.dim, normed + at);
    rstd[at / shape.dim] = normalise(normed + at, ones.data(), scale, shift, eps, shape.dim, out + at);
  });
}

template <class T>
void conv_norm_backward(const QuadShape& shape, const T* quads, const T* weight, const T* scale, const T* normed, const T* rstd,
                        const T* out_gradient, T* between, T* quads_gradient, T* parameter_gradients) {
  const Geometry geometry(shape);
  const std::int64_t dim = shape.dim;
  const std::vector<T> zeros(static_cast<std::size_t>(dim), 0), ones(static_cast<std::size_t>(dim), 1);
  std::vector<T> turned(static_cast<std::size_t>(9 * dim));  // the kernel turned by 180 degrees
  for (std::int64_t t = 0; t < 9; ++t) {
    std::copy_n(weight + t * dim, dim, turned.begin() + (8 - t) * dim);
  }
  geometry.for_each_pixel([&](std::int64_t chunk, std::int64_t image, std::int64_t y, std::int64_t x) {
    const std::int64_t at = geometry.in_map(image, y, x);
    T* const sums = parameter_gradients + chunk * 11 * dim;
    normalise_backward(out_gradient + at, normed + at, ones.data(), scale, rstd[at / dim], dim, between + at, sums + 9 * dim,
                       sums + 10 * dim);
    const auto place = [&](std::int64_t ty, std::int64_t tx) { return geometry.in_quads(image, ty, tx); };
    add_products(geometry.taps(y, x, quads, zeros.data(), place), between + at, dim, sums);
  });
  geometry.for_each_pixel([&](std::int64_t, std::int64_t image, std::int64_t y, std::int64_t x) {
    const auto place = [&](std::int64_t ty, std::int64_t tx) { return geometry.in_map(image, ty, tx); };
    const T* const from = between;
    weighted_sum(geometry.taps(y, x, from, zeros.data(), place), turned.data(), dim, quads_gradient + geometry.in_quads(image, y, x));
  });
}

template void conv_norm_forward(const QuadShape&, const float*, const float*, const float*, const float*, float, float*, float*, float*);
template void conv_norm_forward(const QuadShape&, const double*, const double*, const double*, const double*, double, double*, double*,
                                double*);
template void conv_norm_backward(const QuadShape&, const float*, const float*, const float*, const float*, const float*, const float*,
                                 float*, float*, float*);
template void conv_norm_backward(const QuadShape&, const double*, const double*, const double*, const double*, const double*, const double*,
                                 double*, double*, double*);

}  // namespace muster::model
