// x + gamma * (product + bias) over rows of D channels, and its gradients, in one pass each on the CPU.
#pragma once

#include <cstdint>

namespace muster::model {

struct RowShape {
  static constexpr std::int64_t kRowsPerChunk = 64;  // whose sums are added first: fixed, so that no number of threads changes them

  std::int64_t rows = 0, dim = 0;

  std::int64_t chunks() const noexcept { return (rows + kRowsPerChunk - 1) / kRowsPerChunk; }
};

// x, product, out [rows, D]; bias, gamma [D]. `out` may be x or product. T: float, double.
template <class T>
void add_scaled_forward(const RowShape& shape, const T* x, const T* product, const T* bias, const T* gamma, T* out);

// gradient [rows, D] of out -> product_gradient [rows, D]; sums [chunks, 2, D]: by chunk those of bias and of gamma. That of x is
// `gradient` itself.
template <class T>
void add_scaled_backward(const RowShape& shape, const T* gradient, const T* product, const T* bias, const T* gamma, T* product_gradient,
                         T* sums);

}  // namespace muster::model
