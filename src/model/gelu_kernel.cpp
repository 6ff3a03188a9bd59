#include "model/gelu_kernel.hpp"

#include <algorithm>
#include <array>
#include <numbers>

#include <ATen/Parallel.h>

#include "model/wide_math.hpp"
#include "model/wide_vectors.hpp"

namespace muster::model {
namespace {

using V = Values<float>;
constexpr auto kLanes = static_cast<std::int64_t>(kWidth<float>);

constexpr float kSlope = 0.268700577f;
constexpr std::array<float, 9> kTail = {0.107208392f,   0.106907371f, 0.102343682f,  0.0677420851f, 0.118836739f,
                                        -0.0863867373f, 0.186954402f, -0.133598449f, 0.0299925275f};  // Q(t) / t
constexpr float kDensity = 0.5f * std::numbers::inv_sqrtpi_v<float> * std::numbers::sqrt2_v<float>;   // 1 / sqrt(2 pi)

struct Normal {
  V distribution;  // F(x)
  V exponential;   // e^(-x^2 / 2)
};

[[gnu::always_inline]] inline Normal normal_of(V x) {
  const V e = exp_of_negative(x * x * -0.5f);
  const V t = 1.0f / (1.0f + magnitude<float>(x) * kSlope);
  V q = V{} + kTail.back();
#pragma GCC unroll 8
  for (std::size_t i = kTail.size() - 1; i-- > 0;) {
    q = q * t + kTail[i];
  }
  const V tail = e * t * q;
  return {.distribution = x < 0 ? tail : 1.0f - tail, .exponential = e};
}

// The first `count` lanes, for the end of a row that fills no vector.
[[gnu::always_inline]] inline V load_some(const float* from, std::int64_t count) {
  V values{};
  for (std::int64_t i = 0; i < count; ++i) {
    values[i] = from[i];
  }
  return values;
}
[[gnu::always_inline]] inline void store_some(float* to, V values, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) {
    to[i] = values[i];
  }
}

MUSTER_FUSED_VECTORS void gelu_row(const float* x, const float* bias, std::int64_t dim, float* out) {
  std::int64_t d = 0;
  for (; d + kLanes <= dim; d += kLanes) {
    const V sum = load(x + d) + load(bias + d);
    store(out + d, sum * normal_of(sum).distribution);
  }
  if (d < dim) {
    const V sum = load_some(x + d, dim - d) + load_some(bias + d, dim - d);
    store_some(out + d, sum * normal_of(sum).distribution, dim - d);
  }
}

[[gnu::always_inline]] inline V slope_of(V x) {
  const Normal normal = normal_of(x);
  return normal.distribution + x * normal.exponential * kDensity;
}

MUSTER_FUSED_VECTORS void gelu_row_backward(const float* gradient, const float* x, const float* bias, std::int64_t dim, float* x_gradient,
                                            float* bias_sum) {
  std::int64_t d = 0;
  for (; d + kLanes <= dim; d += kLanes) {
    const V result = load(gradient + d) * slope_of(load(x + d) + load(bias + d));
    store(x_gradient + d, result);
    store<float>(bias_sum + d, load(bias_sum + d) + result);
  }
  if (const std::int64_t rest = dim - d; rest > 0) {
    const V result = load_some(gradient + d, rest) * slope_of(load_some(x + d, rest) + load_some(bias + d, rest));
    store_some(x_gradient + d, result, rest);
    store_some(bias_sum + d, load_some(bias_sum + d, rest) + result, rest);
  }
}

}  // namespace

void gelu_forward(const RowShape& shape, const float* x, const float* bias, float* out) {
  at::parallel_for(0, shape.chunks(), 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin * RowShape::kRowsPerChunk; row < std::min(end * RowShape::kRowsPerChunk, shape.rows); ++row) {
      gelu_row(x + row * shape.dim, bias, shape.dim, out + row * shape.dim);
    }
  });
}

void gelu_backward(const RowShape& shape, const float* gradient, const float* x, const float* bias, float* x_gradient, float* bias_sums) {
  std::fill_n(bias_sums, shape.chunks() * shape.dim, 0.0f);
  at::parallel_for(0, shape.chunks(), 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin * RowShape::kRowsPerChunk; row < std::min(end * RowShape::kRowsPerChunk, shape.rows); ++row) {
      const std::int64_t at = row * shape.dim;
      gelu_row_backward(gradient + at, x + at, bias, shape.dim, x_gradient + at, bias_sums + row / RowShape::kRowsPerChunk * shape.dim);
    }
  });
}

}  // namespace muster::model
