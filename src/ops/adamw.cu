// Kernels of adamw.hpp. One thread, one element at a time: the step is bound by memory (28 bytes per fp32 element), and
// neighbouring threads touch neighbouring elements.
#include "ops/adamw_kernels.hpp"

namespace muster::ops {
namespace {

constexpr int kThreads = 256;
constexpr int kWarp = 32;
constexpr int kTileElements = 64;  // kTile of core/flat_layout.hpp
constexpr int kMaxBlocks = 1024;   // enough to fill the largest GPU; each block strides over the rest

int blocks_for(std::int64_t items, std::int64_t per_block) {
  const std::int64_t blocks = (items + per_block - 1) / per_block;
  return static_cast<int>(blocks < 1 ? 1 : blocks < kMaxBlocks ? blocks : kMaxBlocks);
}

__device__ void add_word(std::int64_t* word, std::int64_t value) {
  atomicAdd(reinterpret_cast<unsigned long long*>(word), static_cast<unsigned long long>(value));  // two's complement: the same bits
}

// A warp takes a tile; a block collects its tiles in shared memory, so that the device's 70 words see few atomics.
template <class Real>
__global__ void add_squares_kernel(const Real* gradient, std::int64_t numel, std::int64_t* sum_words) {
  __shared__ std::int64_t own[kSumWords];
  for (int i = threadIdx.x; i < kSumWords; i += kThreads) {
    own[i] = 0;
  }
  __syncthreads();
  const int lane = threadIdx.x % kWarp;
  const std::int64_t tiles = (numel + kTileElements - 1) / kTileElements;
  const std::int64_t stride = static_cast<std::int64_t>(gridDim.x) * (kThreads / kWarp);
  for (std::int64_t tile = static_cast<std::int64_t>(blockIdx.x) * (kThreads / kWarp) + threadIdx.x / kWarp; tile < tiles; tile += stride) {
    const std::int64_t first = tile * kTileElements + lane;
    const double low = first < numel ? static_cast<double>(gradient[first]) : 0.0;
    const double high = first + kWarp < numel ? static_cast<double>(gradient[first + kWarp]) : 0.0;
    double squares = __dadd_rn(__dmul_rn(low, low), __dmul_rn(high, high));  // no contraction: the CPU's bits
    for (int width = kWarp / 2; width > 0; width /= 2) {
      squares = __dadd_rn(squares, __shfl_down_sync(0xFFFFFFFFU, squares, width));
    }
    if (lane == 0) {
      if (isfinite(squares)) {
        const SumTerm term = sum_term(squares);
        for (int i = 0; i < 3; ++i) {
          add_word(&own[term.digit + i], term.parts[i]);
        }
      } else {
        add_word(&own[kSumNonFinite], 1);
      }
    }
  }
  __syncthreads();
  for (int i = threadIdx.x; i < kSumWords; i += kThreads) {
    if (own[i] != 0) {
      add_word(&sum_words[i], own[i]);
    }
  }
}

__global__ void advance_kernel(StepScalars* scalars, std::int64_t* sum_words, double max_norm, AdamWConstants constants) {
  advance(*scalars, sum_words, max_norm, constants);
  for (int i = 0; i < kSumWords; ++i) {
    sum_words[i] = 0;
  }
}

// The first row whose end is past `element`. Rows ascend.
__device__ const PieceTable::Row& row_of(const PieceTable& pieces, std::int64_t element) {
  int low = 0;
  int high = pieces.count - 1;
  while (low < high) {
    const int middle = (low + high) / 2;
    if (element < pieces.rows[middle].end) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return pieces.rows[low];
}

template <class Real>
__global__ void adamw_kernel(Real* parameter, const Real* gradient, Real* moment1, Real* moment2, const __grid_constant__ PieceTable pieces,
                             AdamWConstants constants, const StepScalars* scalars) {
  const StepScalars step = *scalars;
  if (step.applied == 0) {
    return;
  }
  // A table of factors, made once per block: they cost divisions in double.
  __shared__ AdamWCoefficients<Real> coefficients[PieceTable::kMax];
  for (int i = threadIdx.x; i < pieces.count; i += kThreads) {
    coefficients[i] = adamw_coefficients<Real>(constants, step, pieces.rows[i].lr, pieces.rows[i].weight_decay);
  }
  __syncthreads();
  const std::int64_t end = pieces.rows[pieces.count - 1].end;
  const std::int64_t stride = static_cast<std::int64_t>(gridDim.x) * kThreads;
  for (std::int64_t i = pieces.rows[0].begin + static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x; i < end; i += stride) {
    const PieceTable::Row& row = row_of(pieces, i);
    if (i >= row.begin) {  // else padding between two pieces
      adamw_element(coefficients[&row - pieces.rows], gradient[i], parameter[i], moment1[i], moment2[i]);
    }
  }
}

}  // namespace

template <class Real>
cudaError_t launch_add_squares(const Real* gradient, std::int64_t numel, std::int64_t* sum_words, cudaStream_t stream) {
  const int blocks = blocks_for(numel, static_cast<std::int64_t>(kThreads / kWarp) * kTileElements);
  add_squares_kernel<<<blocks, kThreads, 0, stream>>>(gradient, numel, sum_words);
  return cudaGetLastError();
}

cudaError_t launch_advance(StepScalars* scalars, std::int64_t* sum_words, double max_norm, AdamWConstants constants, cudaStream_t stream) {
  advance_kernel<<<1, 1, 0, stream>>>(scalars, sum_words, max_norm, constants);
  return cudaGetLastError();
}

template <class Real>
cudaError_t launch_adamw(Real* parameter, const Real* gradient, Real* moment1, Real* moment2, const PieceTable& pieces,
                         AdamWConstants constants, const StepScalars* scalars, cudaStream_t stream) {
  if (pieces.count == 0) {
    return cudaSuccess;
  }
  const int blocks = blocks_for(pieces.rows[pieces.count - 1].end - pieces.rows[0].begin, kThreads);
  adamw_kernel<<<blocks, kThreads, 0, stream>>>(parameter, gradient, moment1, moment2, pieces, constants, scalars);
  return cudaGetLastError();
}

template cudaError_t launch_add_squares<float>(const float*, std::int64_t, std::int64_t*, cudaStream_t);
template cudaError_t launch_add_squares<double>(const double*, std::int64_t, std::int64_t*, cudaStream_t);
template cudaError_t launch_adamw<float>(float*, const float*, float*, float*, const PieceTable&, AdamWConstants, const StepScalars*,
                                         cudaStream_t);
template cudaError_t launch_adamw<double>(double*, const double*, double*, double*, const PieceTable&, AdamWConstants, const StepScalars*,
                                          cudaStream_t);

}  // namespace muster::ops
