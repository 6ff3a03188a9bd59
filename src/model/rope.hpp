// DINOv3's rotary position encoding: tables, the rescale drawn in training, and the rotation of queries and keys.
//
// Patch (y, x) of a grid has coordinates 2 (i + 0.5) / G - 1 per axis, each axis divided by its own length. With
// n = dh / 4 periods 100^(i/n), the angles 2 pi coordinate / period are n for y followed by n for x; lane j and lane
// j + dh/2 of a head are the two coordinates that angle j turns. Source: facebookresearch/dinov3,
// rope_position_encoding.py; Su et al. 2021, RoFormer, arXiv:2104.09864, section 3.
#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>
#include <c10/core/TensorOptions.h>

#include "model/block.hpp"

namespace muster::model {

// [head_dim / 4], computed in double, then cast.
at::Tensor rope_periods(int head_dim, const at::TensorOptions& options);

struct RopeTable {
  at::Tensor cos, sin;  // [P, dh/2], element type and device of the periods
};

RopeTable rope_table(const at::Tensor& periods, std::int64_t grid_height, std::int64_t grid_width, double scale = 1);

// exp(u), u uniform in [-ln r, ln r): equal for all images, ranks and micro-steps of a step (CONTRACTS 6).
double draw_rope_scale(const PassKey& key, std::int64_t site, double r);

struct QkvHeads {
  at::Tensor q, k, v;  // [B, h, N, dh]
};

// Splits qkv [B, N, 3 D] (q, k, v, each head by head) and turns q and k of the last P tokens; cos and sin [P, dh/2]. v and the
// first N - P tokens pass through, as all do where the table is undefined (learned positions). The rotation is computed in the
// table's type, the result is of qkv's. A `bias` [3 D] is added first: in the same pass, where a product that adds it itself
// would write its result twice.
QkvHeads split_and_rotate(const at::Tensor& qkv, std::int64_t heads, const at::Tensor& cos, const at::Tensor& sin,
                          const at::Tensor& bias = {});

// The same of x [B, N, D] times weight [3 D, D] + bias [3 D] (undefined = none).
QkvHeads project_heads(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, std::int64_t heads, const at::Tensor& cos,
                       const at::Tensor& sin);

}  // namespace muster::model
