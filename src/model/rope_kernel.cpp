#include "model/rope_kernel.hpp"

#include <algorithm>

#include <ATen/Parallel.h>

#include "model/wide_vectors.hpp"

namespace muster::model {
namespace {

// to = (a cos - b sin, b cos + a sin) for the halves a, b of `from`; `direction` -1 turns back.
template <class T>
[[gnu::always_inline]] inline void turn_of(const T* __restrict from, const T* __restrict cos, const T* __restrict sin, std::int64_t half,
                                           T direction, T* __restrict to) {
  for (std::int64_t j = 0; j < half; ++j) {
    const T s = direction * sin[j];
    to[j] = from[j] * cos[j] - from[half + j] * s;
    to[half + j] = from[half + j] * cos[j] + from[j] * s;
  }
}

MUSTER_FUSED_VECTORS void turn(const float* from, const float* cos, const float* sin, std::int64_t half, float direction, float* to) {
  turn_of(from, cos, sin, half, direction, to);
}
MUSTER_FUSED_VECTORS void turn(const double* from, const double* cos, const double* sin, std::int64_t half, double direction, double* to) {
  turn_of(from, cos, sin, half, direction, to);
}

// Calls visit(part, offset in qkv, offset in the part, patch or -1) for every head of every token.
template <class Strides, class Visit>
void for_each_head(const RopeShape& shape, const Strides& strides, const Visit& visit) {
  at::parallel_for(0, shape.batch * shape.tokens, 16, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t image = i / shape.tokens, token = i % shape.tokens;
      const std::int64_t patch = std::max<std::int64_t>(-1, token - (shape.tokens - shape.patches));
      for (std::size_t part = 0; part < 3; ++part) {
        const auto& stride = strides(part);
        for (std::int64_t head = 0; head < shape.heads; ++head) {
          const std::int64_t joint = ((i * 3 + static_cast<std::int64_t>(part)) * shape.heads + head) * shape.head_dim();
          visit(part, joint, image * stride[0] + head * stride[1] + token * stride[2], part == 2 ? -1 : patch);
        }
      }
    }
  });
}

}  // namespace

template <class T>
void split_and_rotate_forward(const RopeShape& shape, const T* qkv, const T* cos, const T* sin, const std::array<HeadsAt<T>, 3>& parts) {
  const auto strides = [&](std::size_t part) -> const auto& {
    return parts[part].strides;
  };
  for_each_head(shape, strides, [&](std::size_t part, std::int64_t joint, std::int64_t at, std::int64_t patch) {
    T* const to = parts[part].data + at;
    if (patch < 0) {
      std::copy_n(qkv + joint, shape.head_dim(), to);
    } else {
      turn(qkv + joint, cos + patch * shape.half, sin + patch * shape.half, shape.half, 1, to);
    }
  });
}

template <class T>
void split_and_rotate_backward(const RopeShape& shape, const std::array<HeadsAt<const T>, 3>& parts, const T* cos, const T* sin, T* qkv) {
  const auto strides = [&](std::size_t part) -> const auto& {
    return parts[part].strides;
  };
  for_each_head(shape, strides, [&](std::size_t part, std::int64_t joint, std::int64_t at, std::int64_t patch) {
    const T* const from = parts[part].data + at;
    if (patch < 0) {
      std::copy_n(from, shape.head_dim(), qkv + joint);
    } else {
      turn(from, cos + patch * shape.half, sin + patch * shape.half, shape.half, -1, qkv + joint);
    }
  });
}

template void split_and_rotate_forward(const RopeShape&, const float*, const float*, const float*, const std::array<HeadsAt<float>, 3>&);
template void split_and_rotate_forward(const RopeShape&, const double*, const double*, const double*,
                                       const std::array<HeadsAt<double>, 3>&);
template void split_and_rotate_backward(const RopeShape&, const std::array<HeadsAt<const float>, 3>&, const float*, const float*, float*);
template void split_and_rotate_backward(const RopeShape&, const std::array<HeadsAt<const double>, 3>&, const double*, const double*,
                                        double*);

}  // namespace muster::model
