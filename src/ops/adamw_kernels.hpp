// Launchers of adamw.cu: raw device pointers and a stream, no LibTorch (a kernel file that includes ATen takes half a minute).
#pragma once

#include <cstdint>

#include <cuda_runtime_api.h>

#include "ops/adamw_formula.hpp"

namespace muster::ops {

// Goes to the kernel by value; a segment with more pieces takes several launches.
struct PieceTable {
  static constexpr int kMax = 64;
  struct Row {
    std::int64_t begin, end;
    double lr, weight_decay;
  };
  int count = 0;
  Row rows[kMax] = {};  // ascending
};

// Real = float or double. Each returns cudaGetLastError() after the launch.
template <class Real>
cudaError_t launch_add_squares(const Real* gradient, std::int64_t numel, std::int64_t* sum_words, cudaStream_t stream);
cudaError_t launch_advance(StepScalars* scalars, std::int64_t* sum_words, double max_norm, AdamWConstants constants, cudaStream_t stream);
template <class Real>
cudaError_t launch_adamw(Real* parameter, const Real* gradient, Real* moment1, Real* moment2, const PieceTable& pieces,
                         AdamWConstants constants, const StepScalars* scalars, cudaStream_t stream);

}  // namespace muster::ops
