// Patch kernels and position tables at other sizes against timm.
#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include "golden/golden_case.hpp"
#include "model/patch_resize.hpp"
#include "model/position.hpp"

namespace muster::golden {
namespace {

TEST(PatchKernel, IsResampledAsTimmDoes) {
  const Case golden("timm_resampling");
  const at::Tensor kernel = golden.tensor("input.kernel");
  for (const int size : {16, 8}) {  // larger: a least-squares fit; smaller: details are lost
    golden.expect_near("output.kernel." + std::to_string(size), model::resample_patch_kernel(kernel, size), kFloat);
  }
}

TEST(PositionTable, IsResampledAsTimmDoes) {
  const Case golden("timm_resampling");
  const model::BackboneRow row{.name = "dinov2/tiny",
                               .family = model::Family::kDinov2,
                               .position_rows = 5,
                               .position_columns = 5,
                               .class_position = false,
                               .license = {}};
  for (const Precision precision : {kDouble, kFloat}) {
    const at::Tensor table = golden.tensor("input.table").to(precision.type);
    for (const auto& [height, width] : {std::pair{7, 3}, std::pair{4, 4}}) {
      golden.expect_near("output.table." + std::to_string(height) + "x" + std::to_string(width),
                         model::position_at_grid(table, row, model::position_resize(row, "upstream"), height, width), precision);
    }
  }
}

}  // namespace
}  // namespace muster::golden
