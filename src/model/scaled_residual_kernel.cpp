#include "model/scaled_residual_kernel.hpp"

#include <algorithm>

#include <ATen/Parallel.h>

#include "model/packs.hpp"
#include "model/wide_vectors.hpp"

namespace muster::model {
namespace {

template <class T>
[[gnu::always_inline]] inline void add_row_of(const T* x, const T* product, const T* bias, const T* gamma, std::int64_t dim, T* out) {
  for_each_channel<T>(
      dim, [&](std::int64_t d, auto kind) __attribute__((always_inline)) {
        using V = decltype(kind);
        pack<V>(out + d) = pack<V>(x + d) + pack<V>(gamma + d) * (pack<V>(product + d) + pack<V>(bias + d));
      });
}

template <class T>
[[gnu::always_inline]] inline void add_row_backward_of(const T* gradient, const T* product, const T* bias, const T* gamma, std::int64_t dim,
                                                       T* product_gradient, T* bias_sum, T* gamma_sum) {
  for_each_channel<T>(
      dim, [&](std::int64_t d, auto kind) __attribute__((always_inline)) {
        using V = decltype(kind);
        const V g = pack<V>(gradient + d), scaled = g * pack<V>(gamma + d);
        pack<V>(product_gradient + d) = scaled;
        pack<V>(bias_sum + d) += scaled;
        pack<V>(gamma_sum + d) += g * (pack<V>(product + d) + pack<V>(bias + d));
      });
}

// clang-format off
#define MUSTER_FOR_TYPE(T) \
  MUSTER_FUSED_VECTORS void add_row(const T* x, const T* product, const T* bias, const T* gamma, std::int64_t dim, T* out) { \
    add_row_of(x, product, bias, gamma, dim, out); } \
  MUSTER_FUSED_VECTORS void add_row_backward(const T* gradient, const T* product, const T* bias, const T* gamma, std::int64_t dim, \
                                             T* product_gradient, T* bias_sum, T* gamma_sum) { \
    add_row_backward_of(gradient, product, bias, gamma, dim, product_gradient, bias_sum, gamma_sum); }
// clang-format on
MUSTER_FOR_TYPE(float)
MUSTER_FOR_TYPE(double)
#undef MUSTER_FOR_TYPE

// Calls visit(chunk, row) for every row; a chunk is the work of one thread.
template <class Visit>
void for_each_row(const RowShape& shape, const Visit& visit) {
  at::parallel_for(0, shape.chunks(), 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t chunk = begin; chunk < end; ++chunk) {
      const std::int64_t first = chunk * RowShape::kRowsPerChunk;
      for (std::int64_t row = first; row < std::min(first + RowShape::kRowsPerChunk, shape.rows); ++row) {
        visit(chunk, row);
      }
    }
  });
}

}  // namespace

template <class T>
void add_scaled_forward(const RowShape& shape, const T* x, const T* product, const T* bias, const T* gamma, T* out) {
  for_each_row(shape, [&](std::int64_t, std::int64_t row) {
    const std::int64_t at = row * shape.dim;
    add_row(x + at, product + at, bias, gamma, shape.dim, out + at);
  });
}

template <class T>
void add_scaled_backward(const RowShape& shape, const T* gradient, const T* product, const T* bias, const T* gamma, T* product_gradient,
                         T* sums) {
  std::fill_n(sums, shape.chunks() * 2 * shape.dim, T(0));
  for_each_row(shape, [&](std::int64_t chunk, std::int64_t row) {
    const std::int64_t at = row * shape.dim;
    T* const bias_sum = sums + chunk * 2 * shape.dim;
    add_row_backward(gradient + at, product + at, bias, gamma, shape.dim, product_gradient + at, bias_sum, bias_sum + shape.dim);
  });
}

template void add_scaled_forward(const RowShape&, const float*, const float*, const float*, const float*, float*);
template void add_scaled_forward(const RowShape&, const double*, const double*, const double*, const double*, double*);
template void add_scaled_backward(const RowShape&, const float*, const float*, const float*, const float*, float*, float*);
template void add_scaled_backward(const RowShape&, const double*, const double*, const double*, const double*, double*, double*);

}  // namespace muster::model
