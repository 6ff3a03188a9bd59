#include "ops/adamw_cuda.hpp"

#include "core/error.hpp"

namespace muster::ops {
namespace {

[[noreturn]] void throw_absent() {
  throw DeviceError("the optimizer was given CUDA tensors, but this build has no CUDA kernels; build with MUSTER_CUDA=ON launch/build.sh");
}

}  // namespace

void add_squares_cuda(const at::Tensor& /*gradient*/, at::Tensor& /*sum_words*/) {
  throw_absent();
}

void advance_step_cuda(at::Tensor& /*scalars*/, at::Tensor& /*sum_words*/, double /*max_norm*/, const AdamWConstants& /*constants*/) {
  throw_absent();
}

void adamw_step_cuda(at::Tensor& /*parameter*/, const at::Tensor& /*gradient*/, at::Tensor& /*moment1*/, at::Tensor& /*moment2*/,
                     std::span<const PieceRate> /*pieces*/, const AdamWConstants& /*constants*/, const at::Tensor& /*scalars*/) {
  throw_absent();
}

}  // namespace muster::ops
