#include "model/upscale_kernel.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <type_traits>
#include <vector>

#include <ATen/Parallel.h>

#include "model/packs.hpp"
#include "model/wide_vectors.hpp"

namespace muster::model {
namespace {

// The 4x4 pixels around a quad, row by row, [D] each: its own four stand in the middle. Pixel (a, c) of the quad, kernel element
// (i, j): neighbour (a + i, c + j).
template <class T>
using Neighbours = std::array<const T*, 16>;
template <class T>
using Pixels = std::array<T*, 4>;  // of a quad

constexpr std::size_t neighbour(std::size_t pixel, std::size_t tap) {
  return (pixel / 2 + tap / 3) * 4 + pixel % 2 + tap % 3;
}

// The convolution at the four pixels of a quad together, since they share weights. weight [9, D]
template <class T>
[[gnu::always_inline]] inline void convolve_of(const Neighbours<T>& around, const T* weight, std::int64_t dim, const Pixels<T>& sums) {
  for_each_channel<T>(
      dim, [&](std::int64_t d, auto kind) __attribute__((always_inline)) {
        using V = decltype(kind);
        V sum0{}, sum1{}, sum2{}, sum3{};
#pragma GCC unroll 9
        for (std::size_t tap = 0; tap < 9; ++tap) {
          const V w = pack<V>(weight + static_cast<std::int64_t>(tap) * dim + d);
          sum0 += w * pack<V>(around[neighbour(0, tap)] + d);
          sum1 += w * pack<V>(around[neighbour(1, tap)] + d);
          sum2 += w * pack<V>(around[neighbour(2, tap)] + d);
          sum3 += w * pack<V>(around[neighbour(3, tap)] + d);
        }
        pack<V>(sums[0] + d) = sum0;
        pack<V>(sums[1] + d) = sum1;
        pack<V>(sums[2] + d) = sum2;
        pack<V>(sums[3] + d) = sum3;
      });
}

// weight_gradient [9, D] += the products of the four pixels' gradients with their neighbours
template <class T>
[[gnu::always_inline]] inline void add_products_of(const Neighbours<T>& around, const Pixels<T>& gradients, std::int64_t dim,
                                                   T* weight_gradient) {
  for_each_channel<T>(
      dim, [&](std::int64_t d, auto kind) __attribute__((always_inline)) {
        using V = decltype(kind);
        const V gradient0 = pack<V>(gradients[0] + d), gradient1 = pack<V>(gradients[1] + d);
        const V gradient2 = pack<V>(gradients[2] + d), gradient3 = pack<V>(gradients[3] + d);
#pragma GCC unroll 9
        for (std::size_t tap = 0; tap < 9; ++tap) {
          V sum = pack<V>(weight_gradient + static_cast<std::int64_t>(tap) * dim + d);
          sum += gradient0 * pack<V>(around[neighbour(0, tap)] + d);
          sum += gradient1 * pack<V>(around[neighbour(1, tap)] + d);
          sum += gradient2 * pack<V>(around[neighbour(2, tap)] + d);
          sum += gradient3 * pack<V>(around[neighbour(3, tap)] + d);
          pack<V>(weight_gradient + static_cast<std::int64_t>(tap) * dim + d) = sum;
        }
      });
}

// x -> (x - mean) / sqrt(var + eps) in place, and the result scaled and shifted; returns 1 / sqrt(var + eps)
template <class T>
[[gnu::always_inline]] inline T normalise_of(T* x, const T* scale, const T* shift, T eps, std::int64_t dim, T* out) {
  const T mean = sum_over_channels<T>(
                     dim, [&](std::int64_t d, auto& sum)
                              __attribute__((always_inline)) { sum += pack<std::remove_reference_t<decltype(sum)>>(x + d); }) /
                 static_cast<T>(dim);
  const T variance = sum_over_channels<T>(
                         dim,
                         [&](std::int64_t d, auto& sum) __attribute__((always_inline)) {
                           using V = std::remove_reference_t<decltype(sum)>;
                           const V centred = pack<V>(x + d) - mean;
                           pack<V>(x + d) = centred;
                           sum += centred * centred;
                         }) /
                     static_cast<T>(dim);
  const T rstd = 1 / std::sqrt(variance + eps);
  for_each_channel<T>(
      dim, [&](std::int64_t d, auto kind) __attribute__((always_inline)) {
        using V = decltype(kind);
        const V normed = pack<V>(x + d) * rstd;
        pack<V>(x + d) = normed;
        pack<V>(out + d) = normed * pack<V>(scale + d) + pack<V>(shift + d);
      });
  return rstd;
}

template <class T>
[[gnu::always_inline]] inline void normalise_backward_of(const T* gradient, const T* normed, const T* scale, T rstd, std::int64_t dim,
                                                         T* result, T* scale_gradient, T* shift_gradient) {
  const T mean = sum_over_channels<T>(
                     dim,
                     [&](std::int64_t d, auto& sum) __attribute__((always_inline)) {
                       using V = std::remove_reference_t<decltype(sum)>;
                       const V g = pack<V>(gradient + d), scaled = g * pack<V>(scale + d);
                       pack<V>(shift_gradient + d) += g;
                       pack<V>(scale_gradient + d) += g * pack<V>(normed + d);
                       pack<V>(result + d) = scaled;
                       sum += scaled;
                     }) /
                 static_cast<T>(dim);
  const T slope = sum_over_channels<T>(
                      dim,
                      [&](std::int64_t d, auto& sum) __attribute__((always_inline)) {
                        using V = std::remove_reference_t<decltype(sum)>;
                        sum += pack<V>(result + d) * pack<V>(normed + d);
                      }) /
                  static_cast<T>(dim);
  for_each_channel<T>(
      dim, [&](std::int64_t d, auto kind) __attribute__((always_inline)) {
        using V = decltype(kind);
        pack<V>(result + d) = (pack<V>(result + d) - mean - pack<V>(normed + d) * slope) * rstd;
      });
}

// clang-format off
#define MUSTER_FOR_TYPE(T) \
  MUSTER_FUSED_VECTORS void convolve(const Neighbours<T>& around, const T* weight, std::int64_t dim, const Pixels<T>& sums) { \
    convolve_of(around, weight, dim, sums); } \
  MUSTER_FUSED_VECTORS T normalise(T* x, const T* scale, const T* shift, T eps, std::int64_t dim, T* out) { \
    return normalise_of(x, scale, shift, eps, dim, out); } \
  MUSTER_FUSED_VECTORS void normalise_backward(const T* gradient, const T* normed, const T* scale, T rstd, std::int64_t dim, \
                                               T* result, T* scale_gradient, T* shift_gradient) { \
    normalise_backward_of(gradient, normed, scale, rstd, dim, result, scale_gradient, shift_gradient); } \
  MUSTER_FUSED_VECTORS void add_products(const Neighbours<T>& around, const Pixels<T>& gradients, std::int64_t dim, T* weight_gradient) { \
    add_products_of(around, gradients, dim, weight_gradient); }
// clang-format on
MUSTER_FOR_TYPE(float)
MUSTER_FOR_TYPE(double)
#undef MUSTER_FOR_TYPE

// Where pixels lie: in quads [B, H, W, 2, 2, D] or in the doubled map [B, 2H, 2W, D].
enum class Order { kQuads, kMap };

struct Geometry {
  explicit Geometry(const QuadShape& s) : shape(s), rows(2 * s.height), columns(2 * s.width) {}

  // Offset of pixel (y, x) of an image of the doubled map.
  std::int64_t offset(Order order, std::int64_t image, std::int64_t y, std::int64_t x) const {
    if (order == Order::kMap) {
      return ((image * rows + y) * columns + x) * shape.dim;
    }
    const std::int64_t quad = (image * shape.height + y / 2) * shape.width + x / 2;
    return (quad * 4 + y % 2 * 2 + x % 2) * shape.dim;
  }
  template <class T>
  Pixels<T> pixels(Order order, std::int64_t image, std::int64_t qy, std::int64_t qx, T* values) const {
    Pixels<T> result;
    for (std::int64_t p = 0; p < 4; ++p) {
      result[static_cast<std::size_t>(p)] = values + offset(order, image, 2 * qy + p / 2, 2 * qx + p % 2);
    }
    return result;
  }
  // Pixels beyond the border are `zeros` [D].
  template <class T>
  Neighbours<T> neighbours(Order order, std::int64_t image, std::int64_t qy, std::int64_t qx, const T* values, const T* zeros) const {
    Neighbours<T> result;
    for (std::int64_t n = 0; n < 16; ++n) {
      const std::int64_t y = 2 * qy - 1 + n / 4, x = 2 * qx - 1 + n % 4;
      const bool inside = y >= 0 && y < rows && x >= 0 && x < columns;
      result[static_cast<std::size_t>(n)] = inside ? values + offset(order, image, y, x) : zeros;
    }
    return result;
  }
  // Calls visit(chunk, image, qy, qx) for every quad; a chunk is the work of one thread.
  template <class Visit>
  void for_each_quad(const Visit& visit) const {
    const std::int64_t per_image = shape.chunks() / shape.batch;
    at::parallel_for(0, shape.chunks(), 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t chunk = begin; chunk < end; ++chunk) {
        const std::int64_t first = chunk % per_image * QuadShape::kQuadRowsPerChunk;
        for (std::int64_t qy = first; qy < std::min(first + QuadShape::kQuadRowsPerChunk, shape.height); ++qy) {
          for (std::int64_t qx = 0; qx < shape.width; ++qx) {
            visit(chunk, chunk / per_image, qy, qx);
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
  const std::vector<T> zeros(static_cast<std::size_t>(shape.dim), 0);
  geometry.for_each_quad([&](std::int64_t, std::int64_t image, std::int64_t qy, std::int64_t qx) {
    const Pixels<T> sums = geometry.pixels(Order::kMap, image, qy, qx, normed);
    convolve(geometry.neighbours(Order::kQuads, image, qy, qx, quads, zeros.data()), weight, shape.dim, sums);
    for (T* const pixel : sums) {
      const std::int64_t at = pixel - normed;
      rstd[at / shape.dim] = normalise(pixel, scale, shift, eps, shape.dim, out + at);
    }
  });
}

template <class T>
void conv_norm_backward(const QuadShape& shape, const T* quads, const T* weight, const T* scale, const T* normed, const T* rstd,
                        const T* out_gradient, T* between, T* quads_gradient, T* parameter_gradients) {
  const Geometry geometry(shape);
  const std::int64_t dim = shape.dim;
  const std::vector<T> zeros(static_cast<std::size_t>(dim), 0);
  std::vector<T> turned(static_cast<std::size_t>(9 * dim));  // the kernel turned by 180 degrees
  for (std::int64_t t = 0; t < 9; ++t) {
    std::copy_n(weight + t * dim, dim, turned.begin() + (8 - t) * dim);
  }
  geometry.for_each_quad([&](std::int64_t chunk, std::int64_t image, std::int64_t qy, std::int64_t qx) {
    T* const sums = parameter_gradients + chunk * 11 * dim;
    const Pixels<T> gradients = geometry.pixels(Order::kMap, image, qy, qx, between);
    for (T* const pixel : gradients) {
      const std::int64_t at = pixel - between;
      normalise_backward(out_gradient + at, normed + at, scale, rstd[at / dim], dim, pixel, sums + 9 * dim, sums + 10 * dim);
    }
    add_products(geometry.neighbours(Order::kQuads, image, qy, qx, quads, zeros.data()), gradients, dim, sums);
  });
  geometry.for_each_quad([&](std::int64_t, std::int64_t image, std::int64_t qy, std::int64_t qx) {
    const T* const from = between;
    convolve(geometry.neighbours(Order::kMap, image, qy, qx, from, zeros.data()), turned.data(), dim,
             geometry.pixels(Order::kQuads, image, qy, qx, quads_gradient));
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
