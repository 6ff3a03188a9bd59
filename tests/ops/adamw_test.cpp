#include "ops/adamw.hpp"

#include <cmath>
#include <limits>
#include <vector>

#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros_like.h>
#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "core/random.hpp"

namespace muster::ops {
namespace {

constexpr AdamWConstants kConstants{.beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8};

at::Tensor normals(std::int64_t count, std::uint32_t site, at::ScalarType dtype, double scale = 1) {
  at::Tensor values = at::empty({count}, at::kDouble);
  const RandomSequence random(3, RandomStream::kInit, site, 0, 0);
  for (std::int64_t i = 0; i < count; ++i) {
    values.data_ptr<double>()[i] = scale * random.normal(static_cast<std::uint64_t>(i));
  }
  return values.to(dtype);
}

// The gradient norm and the step's scalars, without clipping.
StepScalars norm_of(const std::vector<at::Tensor>& gradients, double max_norm = 0) {
  at::Tensor words = make_sum_words(gradients.front());
  at::Tensor scalars = make_step_scalars(gradients.front(), {});
  for (const at::Tensor& gradient : gradients) {
    add_squares(gradient, words);
  }
  advance_step(scalars, words, max_norm, kConstants);
  EXPECT_TRUE(words.eq(0).all().item<bool>()) << "the words are ready for the next step";
  return read_step_scalars(scalars);
}

double largest_difference(const at::Tensor& a, const at::Tensor& b) {
  return (a - b).abs().max().item<double>();
}

class AdamWPrecision : public testing::TestWithParam<at::ScalarType> {};

TEST_P(AdamWPrecision, EqualsLibTorchOverSeveralSteps) {
  const at::ScalarType dtype = GetParam();
  const double tolerance = dtype == at::kFloat ? 2e-7 : 1e-15;  // a unit in the last place at |p| of about 3
  const std::int64_t count = 1000;
  at::Tensor ours = normals(count, 1, dtype);
  at::Tensor moment1 = at::zeros_like(ours);
  at::Tensor moment2 = at::zeros_like(ours);
  at::Tensor theirs = ours.clone();
  at::Tensor their_moment1 = at::zeros_like(ours);
  at::Tensor their_moment2 = at::zeros_like(ours);
  at::Tensor their_step = at::full({}, 0.0, at::kFloat);
  at::Tensor words = make_sum_words(ours);
  at::Tensor scalars = make_step_scalars(ours, {});

  for (std::uint32_t step = 1; step <= 6; ++step) {
    const double lr = 1e-2 / step;
    const at::Tensor gradient = normals(count, 10 + step, dtype, 0.3);
    add_squares(gradient, words);
    advance_step(scalars, words, 0, kConstants);
    adamw_step(ours, gradient, moment1, moment2, std::vector<PieceRate>{{.begin = 0, .end = count, .lr = lr, .weight_decay = 0.05}},
               kConstants, scalars);
    their_step += 1;
    at::_fused_adamw_({theirs}, {gradient}, {their_moment1}, {their_moment2}, {}, {their_step}, lr, kConstants.beta1, kConstants.beta2,
                      0.05, kConstants.eps, false, false);
    EXPECT_LE(largest_difference(ours, theirs), tolerance) << "step " << step;
    EXPECT_LE(largest_difference(moment1, their_moment1), tolerance);
    EXPECT_LE(largest_difference(moment2, their_moment2), tolerance);
  }
  EXPECT_GT(largest_difference(ours, normals(count, 1, dtype)), 1e-3) << "the test moved nothing";
}

INSTANTIATE_TEST_SUITE_P(All, AdamWPrecision, testing::Values(at::kFloat, at::kDouble),
                         [](const auto& chosen) { return std::string(c10::toString(chosen.param)); });

TEST(AdamW, FollowsThePapersRecursionWithADifferentRatePerPiece) {
  at::Tensor parameter = normals(200, 1, at::kDouble);
  const at::Tensor before = parameter.clone();
  const at::Tensor gradient = normals(200, 2, at::kDouble);
  at::Tensor moment1 = normals(200, 3, at::kDouble, 0.1);
  at::Tensor moment2 = normals(200, 4, at::kDouble, 0.1).square();
  const at::Tensor moment1_before = moment1.clone();
  const at::Tensor moment2_before = moment2.clone();
  const std::vector<PieceRate> pieces{{.begin = 0, .end = 70, .lr = 1e-2, .weight_decay = 0.1},
                                      {.begin = 128, .end = 200, .lr = 1e-3, .weight_decay = 0}};
  const StepScalars scalars{.norm = 5,
                            .gradient_scale = 0.25,
                            .bias1 = 1 - std::pow(0.9, 4),
                            .root_bias2 = std::sqrt(1 - std::pow(0.999, 4)),
                            .applied = 1,
                            .updates = 4,
                            .skipped = 0};
  adamw_step(parameter, gradient, moment1, moment2, pieces, kConstants, make_step_scalars(parameter, scalars));

  for (std::int64_t i = 0; i < 200; ++i) {
    const double p = before[i].item<double>();
    if (i >= 70 && i < 128) {
      EXPECT_EQ(parameter[i].item<double>(), p) << "between the pieces, element " << i;
      EXPECT_EQ(moment2[i].item<double>(), moment2_before[i].item<double>());
      continue;
    }
    const PieceRate& piece = pieces[i < 70 ? 0 : 1];
    const double g = 0.25 * gradient[i].item<double>();
    const double m = 0.9 * moment1_before[i].item<double>() + 0.1 * g;
    const double v = 0.999 * moment2_before[i].item<double>() + 0.001 * g * g;
    const double m_hat = m / (1 - std::pow(0.9, 4));
    const double v_hat = v / (1 - std::pow(0.999, 4));
    EXPECT_NEAR(parameter[i].item<double>(), p - piece.lr * (m_hat / (std::sqrt(v_hat) + 1e-8) + piece.weight_decay * p), 1e-15);
    EXPECT_NEAR(moment1[i].item<double>(), m, 1e-15);
  }
}

TEST(AdamW, DecaysAParameterWhoseGradientIsZero) {
  at::Tensor parameter = at::full({64}, 2.0, at::kFloat);
  at::Tensor gradient = at::zeros_like(parameter);
  at::Tensor moment1 = at::zeros_like(parameter);
  at::Tensor moment2 = at::zeros_like(parameter);
  adamw_step(parameter, gradient, moment1, moment2, std::vector<PieceRate>{{.begin = 0, .end = 64, .lr = 0.1, .weight_decay = 0.5}},
             kConstants, make_step_scalars(parameter, {.applied = 1, .updates = 1}));
  EXPECT_TRUE(parameter.eq(at::full({64}, 1.9F, at::kFloat)).all().item<bool>());
}

TEST(AdamW, ChangesNothingWhenTheGradientIsNotFinite) {
  at::Tensor parameter = normals(100, 1, at::kFloat);
  const at::Tensor before = parameter.clone();
  at::Tensor gradient = normals(100, 2, at::kFloat);
  gradient[37] = std::numeric_limits<float>::quiet_NaN();
  at::Tensor moment1 = at::zeros_like(parameter);
  at::Tensor moment2 = at::zeros_like(parameter);
  at::Tensor words = make_sum_words(parameter);
  at::Tensor scalars = make_step_scalars(parameter, {.updates = 5, .skipped = 2});
  add_squares(gradient, words);
  advance_step(scalars, words, 1.0, kConstants);
  adamw_step(parameter, gradient, moment1, moment2, std::vector<PieceRate>{{.begin = 0, .end = 100, .lr = 0.1, .weight_decay = 0.5}},
             kConstants, scalars);
  EXPECT_TRUE(parameter.equal(before));
  EXPECT_TRUE(moment1.eq(0).all().item<bool>());
  const StepScalars value = read_step_scalars(scalars);
  EXPECT_EQ(value.applied, 0);
  EXPECT_EQ(value.updates, 5);
  EXPECT_EQ(value.skipped, 3);
}

TEST(AdamW, HasTheSameBitsWithAnyNumberOfThreads) {
  std::vector<at::Tensor> results;
  for (const int threads : {1, 2, 3}) {
    at::set_num_threads(threads);
    at::Tensor parameter = normals(300'000, 1, at::kFloat);
    const at::Tensor gradient = normals(300'000, 2, at::kFloat);
    at::Tensor moment1 = at::zeros_like(parameter);
    at::Tensor moment2 = at::zeros_like(parameter);
    const StepScalars scalars = norm_of({gradient}, 0.01);
    adamw_step(parameter, gradient, moment1, moment2, std::vector<PieceRate>{{.begin = 0, .end = 300'000, .lr = 0.1, .weight_decay = 0.5}},
               kConstants, make_step_scalars(parameter, scalars));
    results.push_back(parameter);
  }
  at::set_num_threads(2);
  EXPECT_TRUE(results[0].equal(results[1]));
  EXPECT_TRUE(results[0].equal(results[2]));
}

TEST(AdamW, RefusesSegmentsOfDifferentLength) {
  at::Tensor parameter = normals(64, 1, at::kFloat);
  at::Tensor gradient = normals(63, 1, at::kFloat);
  at::Tensor moment = at::zeros_like(parameter);
  EXPECT_THROW(adamw_step(parameter, gradient, moment, moment, {}, kConstants, make_step_scalars(parameter, {})), InvariantError);
}

TEST(GradientNorm, IsTheL2NormOfAllSegments) {
  const at::Tensor a = normals(1000, 1, at::kFloat);
  const at::Tensor b = normals(77, 2, at::kFloat, 1e-3);
  const double wanted = std::sqrt((a.to(at::kDouble).square().sum() + b.to(at::kDouble).square().sum()).item<double>());
  EXPECT_NEAR(norm_of({a, b}).norm, wanted, 1e-12 * wanted);
}

TEST(GradientNorm, HasTheSameBitsHoweverTheSegmentIsCutAtTiles) {
  const at::Tensor gradient = normals(100'000, 1, at::kFloat);
  const double whole = norm_of({gradient}).norm;
  for (const std::int64_t cut : {64L, 640L, 49'984L, 99'968L}) {
    EXPECT_EQ(norm_of({gradient.slice(0, cut), gradient.slice(0, 0, cut)}).norm, whole) << "cut at " << cut;
  }
}

TEST(GradientNorm, GivesTheClipFactorOfTheReference) {
  const at::Tensor gradient = normals(1000, 1, at::kFloat);
  const StepScalars clipped = norm_of({gradient}, 0.01);
  EXPECT_DOUBLE_EQ(clipped.gradient_scale, 0.01 / (clipped.norm + 1e-6));
  EXPECT_EQ(norm_of({gradient}, 1e6).gradient_scale, 1) << "a small gradient is not scaled up";
  EXPECT_EQ(norm_of({gradient}, 0).gradient_scale, 1) << "0 = no clipping";
}

}  // namespace
}  // namespace muster::ops
