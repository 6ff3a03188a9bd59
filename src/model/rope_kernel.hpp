// Splits the joint projection into heads and turns queries and keys, in one pass on the CPU.
#pragma once

#include <array>
#include <cstdint>

namespace muster::model {

struct RopeShape {
  std::int64_t batch = 0, tokens = 0, heads = 0, half = 0;  // half = dh / 2
  std::int64_t patches = 0;                                 // the last tokens, which are turned

  std::int64_t head_dim() const noexcept { return 2 * half; }
};

// Where one of q, k, v [B, h, N, dh] lies; the last dim is dense.
template <class T>
struct HeadsAt {
  T* data = nullptr;
  std::array<std::int64_t, 3> strides{};  // of B, h, N, in elements
};

// qkv [B, N, 3, h, dh] + bias [3, h, dh] -> parts; cos and sin [P, dh/2]. T: float, double.
template <class T>
void split_and_rotate_forward(const RopeShape& shape, const T* qkv, const T* bias, const T* cos, const T* sin,
                              const std::array<HeadsAt<T>, 3>& parts);

// The transpose: gradients of the parts -> gradient of qkv; that of the bias is its sum over B and N.
template <class T>
void split_and_rotate_backward(const RopeShape& shape, const std::array<HeadsAt<const T>, 3>& parts, const T* cos, const T* sin, T* qkv);

}  // namespace muster::model
