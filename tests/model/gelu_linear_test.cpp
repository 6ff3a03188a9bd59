#include "model/gelu_linear.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include "model/gelu_kernel.hpp"
#include "tiny_model.hpp"

namespace muster::model {
namespace {

double exact_gelu(double x) {
  return 0.5 * x * std::erfc(-x / std::sqrt(2.0));
}

TEST(GeluKernel, IsExactToTheLastBitsOfFloat) {
  std::vector<float> x, zeros;
  for (int i = -12000; i <= 12000; ++i) {
    x.push_back(static_cast<float>(i) * 1e-3f);
  }
  zeros.resize(x.size());
  std::vector<float> out(x.size());
  gelu_forward({.rows = 1, .dim = static_cast<std::int64_t>(x.size())}, x.data(), zeros.data(), out.data());
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double exact = exact_gelu(x[i]);
    ASSERT_NEAR(out[i], exact, 2e-7 + 2e-7 * std::abs(exact)) << x[i];
    if (x[i] > -6 && x[i] != 0) {
      ASSERT_NEAR(out[i] / exact, 1, 4e-6) << x[i] << ": small values keep their leading digits";
    }
  }
}

TEST(GeluKernel, PassesOnWhatIsNoNumberAndEndsAtZeroAndX) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity(), kNan = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> x = {kNan, kInfinity, 1e30f, -1e30f, -30, 30}, zeros(x.size());
  std::vector<float> out(x.size());
  gelu_forward({.rows = 1, .dim = 6}, x.data(), zeros.data(), out.data());
  EXPECT_TRUE(std::isnan(out[0]));
  EXPECT_EQ(out[1], kInfinity);
  EXPECT_EQ(out[2], 1e30f);
  EXPECT_EQ(out[3], 0);
  EXPECT_EQ(out[4], 0);
  EXPECT_EQ(out[5], 30);
}

// More rows than a chunk has, and a width that fills no vector.
TEST(GeluLinear, AgreesWithLibTorchInDoubleForwardAndBackward) {
  const std::int64_t rows = RowShape::kRowsPerChunk + 9;
  TensorList inputs[2];
  at::Tensor outputs[2];
  for (const bool wide : {false, true}) {
    const at::ScalarType type = wide ? at::kDouble : at::kFloat;
    TensorList& leaves = inputs[wide];
    leaves = {random_tensor("x", {2, rows, 6}, at::kFloat).to(type), random_tensor("weight", {21, 6}, at::kFloat).to(type),
              random_tensor("bias", {21}, at::kFloat).to(type)};
    for (const at::Tensor& leaf : leaves) {
      leaf.requires_grad_(true);
    }
    outputs[wide] = wide ? at::gelu(at::linear(leaves[0], leaves[1], leaves[2])) : gelu_linear(leaves[0], leaves[1], leaves[2]);
    (outputs[wide] * random_tensor("weights", {2, rows, 21}, at::kFloat).to(type)).sum().backward();
  }
  EXPECT_LT(max_difference(outputs[0], outputs[1]), 5e-6);  // values of up to 10
  for (std::size_t i = 0; i < inputs[0].size(); ++i) {
    const at::Tensor ours = inputs[0][i].grad(), exact = inputs[1][i].grad();
    EXPECT_LT(max_difference(ours, exact), 2e-6 * std::max(1.0, exact.abs().max().item<double>())) << i;
  }
}

TEST(GeluLinear, GivesTheSameBitsWhereNoGraphIsRecorded) {
  const at::Tensor x = random_tensor("x", {2, 9, 6}, at::kFloat), weight = random_tensor("weight", {21, 6}, at::kFloat);
  const at::Tensor bias = random_tensor("bias", {21}, at::kFloat), recorded = gelu_linear(x, weight, bias);
  const at::NoGradGuard no_graph;
  EXPECT_TRUE(at::equal(gelu_linear(x, weight, bias), recorded));
}

}  // namespace
}  // namespace muster::model
