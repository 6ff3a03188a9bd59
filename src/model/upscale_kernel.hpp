// The middle of an upscaling block on the CPU: depthwise 3x3 convolution and LayerNorm over channels in one pass, read from and
// differentiated into the order in which the transposed convolution's matrix product leaves its results.
//
// "Quads" [B, H, W, 2, 2, D]: pixel (y, x) of the doubled map [B, 2H, 2W, D] is element (y % 2, x % 2) of quad (y / 2, x / 2). So
// the map is never reordered. Results do not depend on the number of threads.
#pragma once

#include <cstdint>

namespace muster::model {

struct QuadShape {
  std::int64_t batch = 0, height = 0, width = 0, dim = 0;  // of the map before doubling

  std::int64_t pixels() const noexcept { return batch * height * width * 4; }
  // Groups of rows of quads that are worked on and summed one by one.
  std::int64_t chunks() const noexcept { return batch * ((height + kQuadRowsPerChunk - 1) / kQuadRowsPerChunk); }
  static constexpr std::int64_t kQuadRowsPerChunk = 4;
};

// weight [3, 3, D]; out and normed [B, 2H, 2W, D]: result, and the same before scale and shift (`normed` may be
// `out`, which then is the result); rstd [pixels]. T: float, double.
template <class T>
void conv_norm_forward(const QuadShape& shape, const T* quads, const T* weight, const T* scale, const T* shift, T eps, T* out, T* normed,
                       T* rstd);

// From the gradient of `out`: that of the quads, and per chunk [11, D] those of weight (9 rows), scale and shift, which the
// caller adds over chunks. `between` [B, 2H, 2W, D] is scratch.
template <class T>
void conv_norm_backward(const QuadShape& shape, const T* quads, const T* weight, const T* scale, const T* normed, const T* rstd,
                        const T* out_gradient, T* between, T* quads_gradient, T* parameter_gradients);

}  // namespace muster::model
