#include "model/upscale.hpp"

#include <gtest/gtest.h>

#include "gradient_check.hpp"
#include "tiny_model.hpp"

namespace muster::model {
namespace {

UpscaleParameters random_parameters(std::int64_t dim, at::ScalarType type) {
  UpscaleParameters p{.conv1_weight = random_tensor("conv1.weight", {dim, dim, 2, 2}, type) * 0.4,
                      .conv1_bias = random_tensor("conv1.bias", {dim}, type),
                      .conv2_weight = random_tensor("conv2.weight", {dim, 1, 3, 3}, type),
                      .norm_weight = random_tensor("norm.weight", {dim}, type),
                      .norm_bias = random_tensor("norm.bias", {dim}, type)};
  for (at::Tensor* tensor : {&p.conv1_weight, &p.conv1_bias, &p.conv2_weight, &p.norm_weight, &p.norm_bias}) {
    *tensor = tensor->detach().requires_grad_(true);
  }
  return p;
}

// The operators by their names, channels first.
at::Tensor reference(const at::Tensor& map, const UpscaleParameters& p, double eps) {
  const std::int64_t dim = map.size(3);
  at::Tensor x = at::conv_transpose2d(map.permute({0, 3, 1, 2}), p.conv1_weight, p.conv1_bias, 2);
  x = at::conv2d(at::gelu(x), p.conv2_weight, {}, 1, 1, 1, dim);
  return at::layer_norm(x.permute({0, 2, 3, 1}), {dim}, p.norm_weight, p.norm_bias, eps);
}

TEST(UpscaleBlock, EqualsTransposedConvolutionGeluDepthwiseConvolutionAndNorm) {
  for (const at::ScalarType type : {at::kDouble, at::kFloat}) {
    for (const std::int64_t dim : {16, 7}) {  // 7 fills no vector register
      const UpscaleParameters p = random_parameters(dim, type);
      const at::Tensor map = random_tensor("map", {2, 3, 5, dim}, type).requires_grad_(true);
      const at::Tensor weights = random_tensor("weights", {2, 6, 10, dim}, type);
      const TensorList leaves{map, p.conv1_weight, p.conv1_bias, p.conv2_weight, p.norm_weight, p.norm_bias};
      const auto gradients = [&](const at::Tensor& output) {
        for (at::Tensor leaf : leaves) {
          leaf.mutable_grad() = at::Tensor();
        }
        (output * weights).sum().backward();
        TensorList result;
        for (const at::Tensor& leaf : leaves) {
          result.push_back(leaf.grad().clone());
        }
        return result;
      };
      const at::Tensor ours = upscale_block(map, p, 1e-5), theirs = reference(map, p, 1e-5);
      const double tolerance = type == at::kDouble ? 1e-12 : 2e-5;  // values of order 1, sums of up to 120 terms
      EXPECT_LT(max_difference(ours, theirs), tolerance);
      const TensorList our_gradients = gradients(ours), their_gradients = gradients(theirs);
      for (std::size_t i = 0; i < leaves.size(); ++i) {
        const double size = std::max(1.0, their_gradients[i].abs().max().item<double>());
        EXPECT_LT(max_difference(our_gradients[i], their_gradients[i]) / size, tolerance) << "gradient " << i;
      }
    }
  }
}

TEST(UpscaleBlock, GivesTheSameBitsWhereNoGraphIsRecorded) {
  const UpscaleParameters p = random_parameters(16, at::kFloat);
  const at::Tensor map = random_tensor("map", {3, 5, 4, 16}, at::kFloat), before = map.clone();
  const at::Tensor recorded = upscale_block(map, p, 1e-5).detach();
  const at::NoGradGuard no_graph;
  EXPECT_TRUE(at::equal(upscale_block(map, p, 1e-5), recorded));
  EXPECT_TRUE(at::equal(map, before));
}

TEST(UpscaleBlock, GradientsAgreeWithFiniteDifferences) {
  const UpscaleParameters p = random_parameters(6, at::kDouble);
  const at::Tensor map = random_tensor("map", {1, 2, 3, 6}).requires_grad_(true);
  const at::Tensor weights = random_tensor("weights", {1, 4, 6, 6});
  expect_gradients({map, p.conv1_weight, p.conv1_bias, p.conv2_weight, p.norm_weight, p.norm_bias},
                   [&] { return (upscale_block(map, p, 1e-5) * weights).sum(); });
}

}  // namespace
}  // namespace muster::model
