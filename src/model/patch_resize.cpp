#include "model/patch_resize.hpp"

#include <ATen/ops/_upsample_bicubic2d_aa.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/linalg_pinv.h>
#include <ATen/ops/matmul.h>

#include "core/error.hpp"

namespace muster::model {
namespace {

// [to^2, from^2]: column i is the i-th unit patch, resized.
at::Tensor resize_matrix(std::int64_t from, std::int64_t to) {
  const at::Tensor units = at::eye(from * from, at::kFloat).view({from * from, 1, from, from});
  return at::_upsample_bicubic2d_aa(units, {to, to}, false, std::nullopt, std::nullopt).view({from * from, to * to}).t();
}

}  // namespace

at::Tensor resample_patch_kernel(const at::Tensor& kernel, std::int64_t new_patch) {
  check(kernel.dim() == 4 && kernel.size(2) == kernel.size(3) && new_patch > 0,
        "a patch kernel of {} dims, {} x {}, for patches of {}: wanted [D, C, p, p]", kernel.dim(), kernel.size(-2), kernel.size(-1),
        new_patch);
  const std::int64_t patch = kernel.size(2);
  if (patch == new_patch) {
    return kernel;
  }
  const at::ScalarType type = kernel.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
  const at::Tensor inverse = at::linalg_pinv(resize_matrix(patch, new_patch)).to(type);  // [p^2, new_patch^2]
  return at::matmul(kernel.to(type).flatten(2), inverse)
      .view({kernel.size(0), kernel.size(1), new_patch, new_patch})
      .to(kernel.scalar_type());
}

at::Tensor repeat_channels(const at::Tensor& kernel, std::int64_t channels) {
  check(kernel.dim() == 4 && channels > 0, "a patch kernel of {} dims for {} channels: wanted [D, C, p, p]", kernel.dim(), channels);
  if (kernel.size(1) == channels) {
    return kernel;
  }
  return kernel.index_select(1, at::arange(channels, at::TensorOptions(at::kLong).device(kernel.device())).remainder(kernel.size(1)));
}

}  // namespace muster::model
