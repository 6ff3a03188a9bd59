#include "model/rope_kernel.hpp"

#include <algorithm>

#include <ATen/Parallel.h>

#include "model/wide_vectors.hpp"

namespace muster::model {
namespace {

// to = (a cos - b sin, b cos + a sin) for the halves a, b of from + bias
template <class T>
[[gnu::always_inline]] inline void turn_of(const T* __restrict from, const T* __restrict bias, const T* __restrict cos,
                                           const T* __restrict sin, std::int64_t half, T* __restrict to) {
  for (std::int64_t j = 0; j < half; ++j) {
    const T a = from[j] + bias[j], b = from[half + j] + bias[half + j];
    to[j] = a * cos[j] - b * sin[j];
    to[half + j] = b * cos[j] + a * sin[j];
  }
}

// The other way.
template <class T>
[[gnu::always_inline]] inline void turn_back_of(const T* __restrict from, const T* __restrict cos, const T* __restrict sin,
                                                std::int64_t half, T* __restrict to) {
  for (std::int64_t j = 0; j < half; ++j) {
    to[j] = from[j] * cos[j] + from[half + j] * sin[j];
    to[half + j] = from[half + j] * cos[j] - from[j] * sin[j];
  }
}

template <class T>
[[gnu::always_inline]] inline void add_of(const T* __restrict from, const T* __restrict bias, std::int64_t lanes, T* __restrict to) {
  for (std::int64_t j = 0; j < lanes; ++j) {
    to[j] = from[j] + bias[j];
  }
}

// clang-format off
#define MUSTER_FOR_TYPE(T) \
  MUSTER_FUSED_VECTORS void turn(const T* from, const T* bias, const T* cos, const T* sin, std::int64_t half, T* to) { \
    turn_of(from, bias, cos, sin, half, to); } \
  MUSTER_FUSED_VECTORS void turn_back(const T* from, const T* cos, const T* sin, std::int64_t half, T* to) { \
    turn_back_of(from, cos, sin, half, to); } \
  MUSTER_FUSED_VECTORS void add(const T* from, const T* bias, std::int64_t lanes, T* to) { \
    add_of(from, bias, lanes, to); }
// clang-format on
MUSTER_FOR_TYPE(float)
MUSTER_FOR_TYPE(double)
#undef MUSTER_FOR_TYPE

// Calls visit(part, offset in qkv, offset in the bias, offset in the part, patch or -1) for every head of every token.
template <class Strides, class Visit>
void for_each_head(const RopeShape& shape, const Strides& strides, const Visit& visit) {
  at::parallel_for(0, shape.batch * shape.tokens, 16, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t image = i / shape.tokens, token = i % shape.tokens;
      const std::int64_t patch = std::max<std::int64_t>(-1, token - (shape.tokens - shape.patches));
      for (std::size_t part = 0; part < 3; ++part) {
        const auto& stride = strides(part);
        for (std::int64_t head = 0; head < shape.heads; ++head) {
          const std::int64_t lane = (static_cast<std::int64_t>(part) * shape.heads + head) * shape.head_dim();
          visit(part, i * 3 * shape.heads * shape.head_dim() + lane, lane, image * stride[0] + head * stride[1] + token * stride[2],
                part == 2 ? -1 : patch);
        }
      }
    }
  });
}

}  // namespace

template <class T>
void split_and_rotate_forward(const RopeShape& shape, const T* qkv, const T* bias, const T* cos, const T* sin,
                              const std::array<HeadsAt<T>, 3>& parts) {
  const auto strides = [&](std::size_t part) -> const auto& {
    return parts[part].strides;
  };
  for_each_head(shape, strides, [&](std::size_t part, std::int64_t joint, std::int64_t lane, std::int64_t at, std::int64_t patch) {
    T* const to = parts[part].data + at;
    if (patch < 0) {
      add(qkv + joint, bias + lane, shape.head_dim(), to);
    } else {
      turn(qkv + joint, bias + lane, cos + patch * shape.half, sin + patch * shape.half, shape.half, to);
    }
  });
}

template <class T>
void split_and_rotate_backward(const RopeShape& shape, const std::array<HeadsAt<const T>, 3>& parts, const T* cos, const T* sin, T* qkv) {
  const auto strides = [&](std::size_t part) -> const auto& {
    return parts[part].strides;
  };
  for_each_head(shape, strides, [&](std::size_t part, std::int64_t joint, std::int64_t, std::int64_t at, std::int64_t patch) {
    const T* const from = parts[part].data + at;
    if (patch < 0) {
      std::copy_n(from, shape.head_dim(), qkv + joint);
    } else {
      turn_back(from, cos + patch * shape.half, sin + patch * shape.half, shape.half, qkv + joint);
    }
  });
}

template void split_and_rotate_forward(const RopeShape&, const float*, const float*, const float*, const float*,
                                       const std::array<HeadsAt<float>, 3>&);
template void split_and_rotate_forward(const RopeShape&, const double*, const double*, const double*, const double*,
                                       const std::array<HeadsAt<double>, 3>&);
template void split_and_rotate_backward(const RopeShape&, const std::array<HeadsAt<const float>, 3>&, const float*, const float*, float*);
template void split_and_rotate_backward(const RopeShape&, const std::array<HeadsAt<const double>, 3>&, const double*, const double*,
                                        double*);

}  // namespace muster::model
