#include "model/rope.hpp"

#include <cmath>
#include <numbers>

#include <gtest/gtest.h>

#include "tiny_model.hpp"

namespace muster::model {
namespace {

// Angle of lane `lane` (of dh/2) for patch (y, x), from the formula.
double angle(int lane, int head_dim, std::int64_t y, std::int64_t x, std::int64_t height, std::int64_t width, double scale) {
  const int n = head_dim / 4;
  const double coordinate = lane < n ? 2 * (static_cast<double>(y) + 0.5) / static_cast<double>(height) - 1
                                     : 2 * (static_cast<double>(x) + 0.5) / static_cast<double>(width) - 1;
  return 2 * std::numbers::pi * coordinate * scale / std::pow(100.0, static_cast<double>(lane % n) / n);
}

TEST(Rope, TablesFollowTheFormulaForEveryPatchAndLane) {
  constexpr std::int64_t kHeight = 3, kWidth = 5;
  for (const int head_dim : {8, 64, 128}) {
    const RopeTable table = rope_table(rope_periods(head_dim, at::kDouble), kHeight, kWidth, 1.7);
    ASSERT_EQ(table.cos.sizes(), at::IntArrayRef({kHeight * kWidth, head_dim / 2}));
    for (std::int64_t p = 0; p < kHeight * kWidth; ++p) {
      for (int lane = 0; lane < head_dim / 2; ++lane) {
        const double a = angle(lane, head_dim, p / kWidth, p % kWidth, kHeight, kWidth, 1.7);
        ASSERT_NEAR(table.cos[p][lane].item<double>(), std::cos(a), 1e-13);
        ASSERT_NEAR(table.sin[p][lane].item<double>(), std::sin(a), 1e-13);
      }
    }
  }
}

TEST(Rope, PeriodsOfAHeadOf64RunFrom1To75) {
  const at::Tensor periods = rope_periods(64, at::kFloat);
  ASSERT_EQ(periods.size(0), 16);
  EXPECT_FLOAT_EQ(periods[0].item<float>(), 1);
  EXPECT_NEAR(periods[15].item<float>(), 74.989, 1e-3);
}

TEST(Rope, TurnsQueriesAndKeysOfPatchesAndNothingElse) {
  constexpr std::int64_t kBatch = 2, kPrefix = 3, kHeads = 2, kHalf = 4, kPatches = 6;
  const RopeTable table = rope_table(rope_periods(2 * kHalf, at::kDouble), 2, 3);
  const at::Tensor qkv = random_tensor("qkv", {kBatch, kPrefix + kPatches, 3 * kHeads * 2 * kHalf});
  const QkvHeads heads = split_and_rotate(qkv, kHeads, table.cos, table.sin);
  const at::Tensor parts[] = {heads.q, heads.k, heads.v};
  for (std::int64_t b = 0; b < kBatch; ++b) {
    for (std::int64_t t = 0; t < kPrefix + kPatches; ++t) {
      for (std::int64_t part = 0; part < 3; ++part) {
        for (std::int64_t h = 0; h < kHeads; ++h) {
          const auto value = [&](std::int64_t lane) { return qkv[b][t][(part * kHeads + h) * 2 * kHalf + lane].item<double>(); };
          for (std::int64_t lane = 0; lane < kHalf; ++lane) {
            const bool turns = part < 2 && t >= kPrefix;
            const double a = turns ? angle(static_cast<int>(lane), 2 * kHalf, (t - kPrefix) / 3, (t - kPrefix) % 3, 2, 3, 1) : 0;
            const auto row = parts[part][b][h][t];
            ASSERT_NEAR(row[lane].item<double>(), value(lane) * std::cos(a) - value(lane + kHalf) * std::sin(a), 1e-12);
            ASSERT_NEAR(row[lane + kHalf].item<double>(), value(lane + kHalf) * std::cos(a) + value(lane) * std::sin(a), 1e-12);
          }
        }
      }
    }
  }
}

// The map is linear, so its gradient is its transpose: <turn(x), y> = <x, turn^T(y)>.
TEST(Rope, ItsGradientIsItsTranspose) {
  const RopeTable table = rope_table(rope_periods(8, at::kDouble), 2, 3);
  const at::Tensor x = random_tensor("x", {2, 8, 48}).requires_grad_(true);
  const QkvHeads heads = split_and_rotate(x, 2, table.cos, table.sin);
  const at::Tensor y[] = {random_tensor("yq", heads.q.sizes()), random_tensor("yk", heads.k.sizes()), random_tensor("yv", heads.v.sizes())};
  const at::Tensor product = (heads.q * y[0]).sum() + (heads.k * y[1]).sum() + (heads.v * y[2]).sum();
  product.backward();
  EXPECT_NEAR((x.grad() * x.detach()).sum().item<double>(), product.item<double>(), 1e-10);
  const at::Tensor other = random_tensor("other", x.sizes());
  const QkvHeads turned = split_and_rotate(other, 2, table.cos, table.sin);
  const at::Tensor expected = (turned.q * y[0]).sum() + (turned.k * y[1]).sum() + (turned.v * y[2]).sum();
  EXPECT_NEAR((x.grad() * other).sum().item<double>(), expected.item<double>(), 1e-10);
}

TEST(Rope, ABiasIsAddedBeforeTheTurn) {
  const RopeTable table = rope_table(rope_periods(8, at::kDouble), 2, 3);
  const at::Tensor x = random_tensor("x", {2, 8, 48}), bias = random_tensor("bias", {48}).requires_grad_(true);
  const at::Tensor y = random_tensor("y", {2, 2, 8, 8});
  for (const bool turns : {true, false}) {
    bias.mutable_grad() = at::Tensor();
    const at::Tensor cos = turns ? table.cos : at::Tensor(), sin = turns ? table.sin : at::Tensor();
    const QkvHeads fused = split_and_rotate(x, 2, cos, sin, bias), plain = split_and_rotate(x + bias, 2, cos, sin);
    EXPECT_LT(max_difference(fused.q, plain.q), 1e-14);
    EXPECT_LT(max_difference(fused.k, plain.k), 1e-14);
    EXPECT_LT(max_difference(fused.v, plain.v), 1e-14);
    (fused.q * y - fused.k * y + 2 * fused.v * y).sum().backward();
    const at::Tensor ours = bias.grad().clone();
    bias.mutable_grad() = at::Tensor();
    (plain.q * y - plain.k * y + 2 * plain.v * y).sum().backward();
    EXPECT_LT(max_difference(ours, bias.grad()), 1e-12);
  }
}

TEST(Rope, WithoutATableHeadsAreOnlySplit) {
  for (const at::ScalarType type : {at::kDouble, at::kBFloat16}) {
    const at::Tensor qkv = random_tensor("qkv", {2, 8, 48}, type);
    const QkvHeads heads = split_and_rotate(qkv, 2, {}, {});
    const at::Tensor parts = qkv.view({2, 8, 3, 2, 8});
    EXPECT_TRUE(at::equal(heads.q, parts.select(2, 0).transpose(1, 2)));
    EXPECT_TRUE(at::equal(heads.k, parts.select(2, 1).transpose(1, 2)));
    EXPECT_TRUE(at::equal(heads.v, parts.select(2, 2).transpose(1, 2)));
  }
}

TEST(Rope, NarrowTypesAreTurnedInTheTypeOfTheTable) {
  const RopeTable table = rope_table(rope_periods(8, at::kFloat), 2, 3);
  const at::Tensor qkv = random_tensor("qkv", {2, 8, 48}, at::kBFloat16);
  const QkvHeads narrow = split_and_rotate(qkv, 2, table.cos, table.sin);
  const QkvHeads wide = split_and_rotate(qkv.to(at::kFloat), 2, table.cos, table.sin);
  EXPECT_EQ(narrow.q.scalar_type(), at::kBFloat16);
  EXPECT_TRUE(at::equal(narrow.q, wide.q.to(at::kBFloat16)));
  EXPECT_TRUE(at::equal(narrow.k, wide.k.to(at::kBFloat16)));
  EXPECT_TRUE(at::equal(narrow.v, wide.v.to(at::kBFloat16)));
}

TEST(Rope, TheRescaleStaysInItsRangeAndDependsOnStepAndSiteOnly) {
  double low = 10, high = 0;
  for (std::int64_t step = 0; step < 400; ++step) {
    const PassKey key = training_key(2, step);
    const double scale = draw_rope_scale(key, 4, 2);
    EXPECT_EQ(scale, draw_rope_scale(training_key(7, step), 4, 2)) << "other samples, same step";
    EXPECT_NE(scale, draw_rope_scale(key, 5, 2));
    low = std::min(low, scale);
    high = std::max(high, scale);
  }
  EXPECT_GE(low, 0.5);
  EXPECT_LT(low, 0.52);
  EXPECT_LE(high, 2);
  EXPECT_GT(high, 1.92);
}

}  // namespace
}  // namespace muster::model
