#include "model/patch_resize.hpp"

#include <gtest/gtest.h>

#include "plain_bicubic.hpp"
#include "tiny_model.hpp"

namespace muster::model {
namespace {

// [to^2, from^2] in double: rows by rows times columns by columns.
at::Tensor plain_resize_matrix(std::int64_t from, std::int64_t to) {
  const Matrix axis = antialiased_matrix(from, to);
  at::Tensor one = at::empty({to, from}, at::kDouble);
  for (std::int64_t i = 0; i < to; ++i) {
    for (std::int64_t j = 0; j < from; ++j) {
      one[i][j].fill_(axis[static_cast<std::size_t>(i)][static_cast<std::size_t>(j)]);
    }
  }
  return at::kron(one, one);
}

// Enlarging loses nothing: the new kernel's product with an enlarged patch is the old kernel's with the patch.
TEST(ResamplePatchKernel, KeepsProductsWithPatchesThatAreEnlarged) {
  const at::Tensor kernel = random_tensor("kernel", {5, 3, 6, 6});
  const at::Tensor enlarged = resample_patch_kernel(kernel, 9);
  ASSERT_EQ(enlarged.sizes(), at::IntArrayRef({5, 3, 9, 9}));
  const at::Tensor patches = random_tensor("patches", {36, 7});
  const at::Tensor before = at::matmul(kernel.flatten(2), patches);
  const at::Tensor after = at::matmul(enlarged.flatten(2), at::matmul(plain_resize_matrix(6, 9), patches));
  EXPECT_LT(max_difference(before, after), 1e-3);  // the inverse is fp32, values of order 10
}

// Reducing cannot keep them; the normal equations of least squares hold: (w' R - w) R^T = 0.
TEST(ResamplePatchKernel, IsTheLeastSquaresSolutionWherePatchesAreReduced) {
  const at::Tensor kernel = random_tensor("kernel", {5, 3, 16, 16});
  const at::Tensor reduced = resample_patch_kernel(kernel, 14);
  ASSERT_EQ(reduced.sizes(), at::IntArrayRef({5, 3, 14, 14}));
  const at::Tensor resize = plain_resize_matrix(16, 14);
  const at::Tensor rest = at::matmul(reduced.flatten(2), resize) - kernel.flatten(2);
  EXPECT_LT(at::matmul(rest, resize.t()).abs().max().item<double>(), 1e-3);
  EXPECT_GT(rest.abs().max().item<double>(), 0.1) << "something is lost";
}

TEST(ResamplePatchKernel, KeepsTypeAndLeavesTheSameSizeAlone) {
  const at::Tensor kernel = random_tensor("kernel", {2, 3, 14, 14}, at::kBFloat16);
  EXPECT_EQ(resample_patch_kernel(kernel, 16).scalar_type(), at::kBFloat16);
  EXPECT_TRUE(resample_patch_kernel(kernel, 14).is_same(kernel));
  EXPECT_LT(max_difference(resample_patch_kernel(kernel.to(at::kFloat), 16), resample_patch_kernel(kernel.to(at::kDouble), 16)), 1e-5);
}

TEST(RepeatChannels, RepeatsCyclicallyOrTruncates) {
  const at::Tensor kernel = random_tensor("kernel", {2, 3, 4, 4});
  const at::Tensor seven = repeat_channels(kernel, 7);
  ASSERT_EQ(seven.size(1), 7);
  for (std::int64_t i = 0; i < 7; ++i) {
    EXPECT_TRUE(at::equal(seven.select(1, i), kernel.select(1, i % 3))) << i;
  }
  EXPECT_TRUE(at::equal(repeat_channels(kernel, 2), kernel.slice(1, 0, 2)));
  EXPECT_TRUE(repeat_channels(kernel, 3).is_same(kernel));
}

}  // namespace
}  // namespace muster::model
