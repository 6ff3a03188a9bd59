#include "model/scaled_residual.hpp"

#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include "gradient_check.hpp"
#include "model/scaled_residual_kernel.hpp"
#include "tiny_model.hpp"

namespace muster::model {
namespace {

// More rows than a chunk has, and a width that leaves channels over behind the vectors.
constexpr std::int64_t kRows = 2 * RowShape::kRowsPerChunk + 7, kDim = 37, kIn = 5;

struct Branch {
  explicit Branch(at::ScalarType type)
      : x(random_tensor("x", {1, kRows, kDim}, type)),
        y(random_tensor("y", {1, kRows, kIn}, type)),
        weight(random_tensor("weight", {kDim, kIn}, type)),
        bias(random_tensor("bias", {kDim}, type)),
        gamma(random_tensor("gamma", {kDim}, type)) {}

  at::Tensor ours(Residual use) const { return add_scaled_linear(x, use, y, weight, bias, gamma); }
  at::Tensor plain() const { return x + gamma * (at::matmul(y, weight.t()) + bias); }

  at::Tensor x, y, weight, bias, gamma;
};

TEST(AddScaledLinear, IsTheSumOfStreamAndScaledBranch) {
  EXPECT_LT(max_difference(Branch(at::kDouble).ours(Residual::kKept), Branch(at::kDouble).plain()), 1e-13);
  EXPECT_LT(max_difference(Branch(at::kFloat).ours(Residual::kKept), Branch(at::kFloat).plain()), 1e-5);
}

TEST(AddScaledLinear, GradientsAreThoseOfLibTorchsOperators) {
  Branch ours(at::kDouble), plain(at::kDouble);
  const at::Tensor weights = random_tensor("weights", {1, kRows, kDim});
  TensorList gradients[2];
  for (const bool fused : {true, false}) {
    Branch& branch = fused ? ours : plain;
    const TensorList leaves{branch.x, branch.y, branch.weight, branch.bias, branch.gamma};
    for (const at::Tensor& leaf : leaves) {
      leaf.requires_grad_(true);
    }
    ((fused ? branch.ours(Residual::kReused) : branch.plain()) * weights).sum().backward();
    for (const at::Tensor& leaf : leaves) {
      gradients[fused].push_back(leaf.grad());
    }
  }
  for (std::size_t i = 0; i < gradients[0].size(); ++i) {
    EXPECT_LT(max_difference(gradients[0][i], gradients[1][i]), 1e-11) << i;
  }
}

TEST(AddScaledLinear, ReusesTheStreamOnlyWhereNoGraphIsRecorded) {
  const Branch branch(at::kDouble);
  const at::Tensor before = branch.x.clone(), expected = branch.plain();
  EXPECT_FALSE(branch.ours(Residual::kReused).is_same(branch.x));
  const at::NoGradGuard no_graph;
  EXPECT_FALSE(branch.ours(Residual::kKept).is_same(branch.x));
  EXPECT_TRUE(at::equal(branch.x, before));
  EXPECT_TRUE(branch.ours(Residual::kReused).is_same(branch.x));
  EXPECT_LT(max_difference(branch.x, expected), 1e-13);
}

TEST(AddScaledLinear, ResultsDoNotDependOnTheNumberOfThreads) {
  const int threads = at::get_num_threads();
  TensorList gradients;
  for (const int count : {1, 2}) {
    at::set_num_threads(count);
    Branch branch(at::kFloat);
    branch.gamma.requires_grad_(true);
    branch.ours(Residual::kKept).square().sum().backward();
    gradients.push_back(branch.gamma.grad());
  }
  at::set_num_threads(threads);
  EXPECT_TRUE(at::equal(gradients[0], gradients[1]));
}

}  // namespace
}  // namespace muster::model
