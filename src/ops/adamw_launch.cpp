#include "ops/adamw_cuda.hpp"

#include <algorithm>

#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

#include "core/error.hpp"
#include "ops/adamw_kernels.hpp"

namespace muster::ops {
namespace {

void check_launch(cudaError_t result, const char* what) {
  if (result != cudaSuccess) {
    throw DeviceError("{}: {} ({}); start the same command again, on another device if it comes back", what, cudaGetErrorString(result),
                      cudaGetErrorName(result));
  }
}

template <class Real>
void launch_pieces(at::Tensor& parameter, const at::Tensor& gradient, at::Tensor& moment1, at::Tensor& moment2,
                   std::span<const PieceRate> pieces, const AdamWConstants& constants, const StepScalars* scalars, cudaStream_t stream) {
  for (std::size_t first = 0; first < pieces.size(); first += PieceTable::kMax) {
    PieceTable table;
    for (const PieceRate& piece : pieces.subspan(first, std::min<std::size_t>(PieceTable::kMax, pieces.size() - first))) {
      table.rows[table.count++] = {.begin = piece.begin, .end = piece.end, .lr = piece.lr, .weight_decay = piece.weight_decay};
    }
    check_launch(launch_adamw(parameter.data_ptr<Real>(), gradient.const_data_ptr<Real>(), moment1.data_ptr<Real>(),
                              moment2.data_ptr<Real>(), table, constants, scalars, stream),
                 "AdamW kernel");
  }
}

}  // namespace

void add_squares_cuda(const at::Tensor& gradient, at::Tensor& sum_words) {
  const c10::cuda::CUDAGuard guard(gradient.device());
  const cudaStream_t stream = c10::cuda::getCurrentCUDAStream();
  std::int64_t* words = sum_words.data_ptr<std::int64_t>();
  check_launch(gradient.scalar_type() == at::kFloat
                   ? launch_add_squares(gradient.const_data_ptr<float>(), gradient.numel(), words, stream)
                   : launch_add_squares(gradient.const_data_ptr<double>(), gradient.numel(), words, stream),
               "gradient norm kernel");
}

void advance_step_cuda(at::Tensor& scalars, at::Tensor& sum_words, double max_norm, const AdamWConstants& constants) {
  const c10::cuda::CUDAGuard guard(scalars.device());
  check_launch(launch_advance(static_cast<StepScalars*>(scalars.data_ptr()), sum_words.data_ptr<std::int64_t>(), max_norm, constants,
                              c10::cuda::getCurrentCUDAStream()),
               "clip factor kernel");
}

void adamw_step_cuda(at::Tensor& parameter, const at::Tensor& gradient, at::Tensor& moment1, at::Tensor& moment2,
                     std::span<const PieceRate> pieces, const AdamWConstants& constants, const at::Tensor& scalars) {
  const c10::cuda::CUDAGuard guard(parameter.device());
  const cudaStream_t stream = c10::cuda::getCurrentCUDAStream();
  const auto* step = static_cast<const StepScalars*>(scalars.const_data_ptr());
  if (parameter.scalar_type() == at::kFloat) {
    launch_pieces<float>(parameter, gradient, moment1, moment2, pieces, constants, step, stream);
  } else {
    launch_pieces<double>(parameter, gradient, moment1, moment2, pieces, constants, step, stream);
  }
}

}  // namespace muster::ops
