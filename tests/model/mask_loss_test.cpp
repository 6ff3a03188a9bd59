#include "model/mask_loss.hpp"

#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include "model/mask_loss_points.hpp"
#include "model/mask_loss_fixture.hpp"

namespace muster::model {
namespace {

// A prediction with its targets, in fp64.
struct Case {
  Sizes sizes;
  MaskLossOptions options{.num_points = 120, .no_object_coefficient = 0.25};
  LossOptions loss_options;
  at::Tensor mask_logits, class_logits, targets;

  explicit Case(Sizes s, std::string void_pixels = "negative", bool with_void = true)
      : sizes(s),
        loss_options{.void_pixels = std::move(void_pixels)},
        mask_logits(random_tensor({s.B, s.Q, s.h, s.w}, 21)),
        class_logits(random_tensor({s.B, s.Q, s.K + 1}, 22)),
        targets(random_targets(s, 23, with_void)) {}

  MaskLoss loss() const { return {options, loss_options, sizes.K, sizes.Q}; }
  RandomPoints points() const { return RandomPoints(key_of(sizes.B)); }
  MaskTargets masks() const { return masks_of_classes(targets, sizes.K); }
  Matching matching(int layer) const {
    return match_masks(mask_logits, class_logits, masks(), options, loss_options.excludes_void(), layer, points());
  }
};

// {mask, dice, classes} by torch's operators; which query answers for which mask is taken from the matcher.
std::array<at::Tensor, 3> naive_terms(const Case& c, int layer, const at::Tensor& mask_logits, const at::Tensor& class_logits) {
  const Matching matching = c.matching(layer);
  const RandomPoints points = c.points();
  at::Tensor mask = at::zeros({}, at::kDouble), dice = at::zeros({}, at::kDouble), classes = at::zeros({}, at::kDouble);
  for (std::int64_t b = 0; b < c.sizes.B; ++b) {
    const DenseMasks image = dense_masks(c.targets[b], c.sizes.K);
    std::map<std::int64_t, std::int64_t> label_of_query;
    for (std::size_t m = 0; m < image.labels.size(); ++m) {
      const int query = matching.query_of_mask[static_cast<std::size_t>(b)][m];
      if (query < 0) {
        continue;
      }
      label_of_query[query] = image.labels[m];
      const at::Tensor xy =
          drawn(points, layer, static_cast<std::size_t>(b), static_cast<int>(m), c.options.candidate_points() + c.options.fresh_points());
      const auto [one_mask, one_dice] =
          naive_mask_losses(mask_logits[b][query], image, static_cast<std::int64_t>(m), xy, c.options, c.loss_options.excludes_void());
      mask = mask + one_mask;
      dice = dice + one_dice;
    }
    for (std::int64_t q = 0; q < c.sizes.Q; ++q) {
      const bool matched = label_of_query.contains(q);
      const std::int64_t label = matched ? label_of_query.at(q) : c.sizes.K;
      classes = classes - (matched ? 1.0 : c.options.no_object_coefficient) * at::log(at::softmax(class_logits[b][q], -1)[label]);
    }
  }
  return {mask, dice, classes};
}

class MaskLossValues : public testing::TestWithParam<std::tuple<std::string, std::int64_t>> {};

TEST_P(MaskLossValues, AndGradientsAreThoseOfTheFormulasInFp64) {
  const auto [void_pixels, queries] = GetParam();
  Case c(Sizes{.Q = queries}, void_pixels);
  at::Tensor masks = c.mask_logits.clone().requires_grad_(true), classes = c.class_logits.clone().requires_grad_(true);
  at::Tensor naive_masks = c.mask_logits.clone().requires_grad_(true), naive_classes = c.class_logits.clone().requires_grad_(true);
  const MaskLossTerms terms = c.loss().terms(1, masks, classes, c.masks(), c.points());
  const auto expected = naive_terms(c, 1, naive_masks, naive_classes);
  EXPECT_NEAR(terms.mask.item<double>(), expected[0].item<double>(), 1e-11);
  EXPECT_NEAR(terms.dice.item<double>(), expected[1].item<double>(), 1e-11);
  EXPECT_NEAR(terms.classes.item<double>(), expected[2].item<double>(), 1e-11);
  // Unequal weights, so that a term in the wrong place shows.
  (2 * terms.mask + 3 * terms.dice + 5 * terms.classes).backward();
  (2 * expected[0] + 3 * expected[1] + 5 * expected[2]).backward();
  EXPECT_GT(naive_masks.grad().abs().max().item<double>(), 1e-3);
  EXPECT_LT((masks.grad() - naive_masks.grad()).abs().max().item<double>(), 1e-12);
  EXPECT_LT((classes.grad() - naive_classes.grad()).abs().max().item<double>(), 1e-12);
}

TEST_P(MaskLossValues, AgreeInFp32) {
  const auto [void_pixels, queries] = GetParam();
  Case c(Sizes{.Q = queries}, void_pixels);
  at::Tensor masks = c.mask_logits.to(at::kFloat).requires_grad_(true), classes = c.class_logits.to(at::kFloat).requires_grad_(true);
  // The fp64 reference sees the same rounded logits.
  c.mask_logits = masks.detach().to(at::kDouble);
  c.class_logits = classes.detach().to(at::kDouble);
  at::Tensor naive_masks = c.mask_logits.clone().requires_grad_(true);
  const MaskLossTerms terms = c.loss().terms(1, masks, classes, c.masks(), c.points());
  const auto expected = naive_terms(c, 1, naive_masks, c.class_logits);
  EXPECT_EQ(terms.mask.scalar_type(), at::kFloat);
  EXPECT_NEAR(terms.mask.item<double>() / expected[0].item<double>(), 1, 1e-5);
  EXPECT_NEAR(terms.dice.item<double>() / expected[1].item<double>(), 1, 1e-5);
  EXPECT_NEAR(terms.classes.item<double>() / expected[2].item<double>(), 1, 1e-5);
  (terms.mask + terms.dice).backward();
  (expected[0] + expected[1]).backward();
  EXPECT_LT((masks.grad().to(at::kDouble) - naive_masks.grad()).norm().item<double>() / naive_masks.grad().norm().item<double>(), 1e-5);
}

INSTANTIATE_TEST_SUITE_P(, MaskLossValues,
                         testing::Combine(testing::Values("negative", "excluded"),
                                          testing::Values(std::int64_t{2}, std::int64_t{6}, std::int64_t{20})));

TEST(MaskLoss, GradientIsTheSlopeByFiniteDifferences) {
  // Uncertain points are chosen anew by each moved logit; all candidates are kept here, so that the loss is smooth.
  Case c(Sizes{.B = 1, .Q = 4, .h = 4, .w = 5, .H = 8, .W = 10});
  c.options.oversample_ratio = 1;
  c.options.importance_sample_ratio = 1;
  const Matching matching = c.matching(0);
  const auto value = [&](const at::Tensor& logits) {
    const at::Tensor sums = point_losses(logits, c.masks(), matching, c.options, false, 0, c.points());
    return sums[0] + 2 * sums[1];
  };
  at::Tensor logits = c.mask_logits.clone().requires_grad_(true);
  value(logits).backward();
  constexpr double kStep = 1e-5;
  for (std::int64_t i = 0; i < logits.numel(); ++i) {
    at::Tensor up = c.mask_logits.clone(), down = c.mask_logits.clone();
    up.view(-1)[i] += kStep;
    down.view(-1)[i] -= kStep;
    const double slope = (value(up) - value(down)).item<double>() / (2 * kStep);
    EXPECT_NEAR(logits.grad().view(-1)[i].item<double>(), slope, 1e-8) << i;
  }
}

TEST(MaskLoss, OfImagesWithoutMasksIsZeroAndNotUndefined) {
  Case c(Sizes{});
  c.targets.fill_(-1);
  at::Tensor masks = c.mask_logits.clone().requires_grad_(true);
  const MaskLossTerms terms = c.loss().terms(0, masks, c.class_logits, c.masks(), c.points());
  EXPECT_EQ(terms.mask.item<double>(), 0);
  EXPECT_EQ(terms.dice.item<double>(), 0);
  EXPECT_GT(terms.classes.item<double>(), 0);  // every query should say "no object"
  const MaskLossDenominators divisors = c.loss().denominators(c.masks());
  EXPECT_EQ(divisors.masks, 0);
  EXPECT_NEAR(divisors.classes, 0.25 * static_cast<double>(c.sizes.B * c.sizes.Q), 1e-12);
  const at::Tensor total = c.loss().weighted(terms, divisors);
  EXPECT_TRUE(std::isfinite(total.item<double>()));
  total.backward();
  EXPECT_EQ(masks.grad().abs().max().item<double>(), 0);
}

TEST(MaskLoss, ClassTermIsZeroWhereItsDenominatorIs) {
  Case c(Sizes{});
  c.targets.fill_(-1);
  c.options.no_object_coefficient = 0;
  const MaskLossTerms terms = c.loss().terms(0, c.mask_logits, c.class_logits, c.masks(), c.points());
  EXPECT_EQ(c.loss().weighted(terms, c.loss().denominators(c.masks())).item<double>(), 0);
}

TEST(MaskLoss, DenominatorsCountMasksUpToTheQueriesAndAddUpOverBatches) {
  const Case c(Sizes{.Q = 3});
  const MaskTargets masks = c.masks();
  MaskLossDenominators sum;
  double matched = 0;
  for (const ImageMasks& image : masks) {
    ASSERT_NE(image.labels.size(), 0U);
    matched += std::min<double>(3, static_cast<double>(image.labels.size()));
    sum += c.loss().denominators({image});
  }
  const MaskLossDenominators whole = c.loss().denominators(masks);
  EXPECT_EQ(whole.masks, matched);
  EXPECT_EQ(whole.masks, static_cast<double>(c.matching(0).matched()));
  EXPECT_DOUBLE_EQ(whole.classes, matched + 0.25 * (9 - matched));
  EXPECT_DOUBLE_EQ(sum.masks, whole.masks);
  EXPECT_DOUBLE_EQ(sum.classes, whole.classes);
}

TEST(MaskLoss, TermsOfABatchAreThoseOfItsImagesAddedUp) {
  const Case c(Sizes{});
  const MaskLossTerms whole = c.loss().terms(0, c.mask_logits, c.class_logits, c.masks(), c.points());
  double mask = 0, dice = 0, classes = 0;
  for (std::int64_t b = 0; b < c.sizes.B; ++b) {
    PassKey key = key_of(c.sizes.B);
    key.sample_ids = {key.sample_ids[static_cast<std::size_t>(b)]};
    const MaskLossTerms one = c.loss().terms(0, c.mask_logits.slice(0, b, b + 1), c.class_logits.slice(0, b, b + 1),
                                             {c.masks()[static_cast<std::size_t>(b)]}, RandomPoints(key));
    mask += one.mask.item<double>();
    dice += one.dice.item<double>();
    classes += one.classes.item<double>();
  }
  EXPECT_NEAR(whole.mask.item<double>(), mask, 1e-12);
  EXPECT_NEAR(whole.dice.item<double>(), dice, 1e-12);
  EXPECT_NEAR(whole.classes.item<double>(), classes, 1e-12);
}

TEST(MaskLoss, IsWeighedByCoefficientsAndDividedByDenominators) {
  const Case c(Sizes{});
  const MaskLossTerms terms{.mask = at::scalar_tensor(6.0), .dice = at::scalar_tensor(8.0), .classes = at::scalar_tensor(10.0)};
  const MaskLossTerms scaled = c.loss().scaled(terms, {.masks = 4, .classes = 5});
  EXPECT_DOUBLE_EQ(scaled.mask.item<double>(), 5 * 6 / 4.0);
  EXPECT_DOUBLE_EQ(scaled.dice.item<double>(), 5 * 8 / 4.0);
  EXPECT_DOUBLE_EQ(scaled.classes.item<double>(), 2 * 10 / 5.0);
  EXPECT_DOUBLE_EQ(c.loss().weighted(terms, {.masks = 4, .classes = 5}).item<double>(), 7.5 + 10 + 4);
  EXPECT_DOUBLE_EQ(c.loss().scaled(terms, {.masks = 0.5, .classes = 5}).mask.item<double>(), 5 * 6);  // at least 1
}

// Logits as fine as the targets, the left half void: what lies two pixels or more inside of it must not move.
TEST(MaskLoss, ExcludedVoidPixelsGetNoGradient) {
  for (const bool excluded : {true, false}) {
    Case c(Sizes{.h = 16, .w = 16, .H = 16, .W = 16}, excluded ? "excluded" : "negative", false);
    c.targets.slice(2, 0, 8).fill_(-1);
    at::Tensor masks = c.mask_logits.clone().requires_grad_(true);
    const MaskLossTerms terms = c.loss().terms(0, masks, c.class_logits, c.masks(), c.points());
    (terms.mask + terms.dice).backward();
    const double in_void = masks.grad().slice(3, 0, 8).abs().max().item<double>();
    EXPECT_EQ(in_void == 0, excluded) << in_void;
    EXPECT_GT(masks.grad().slice(3, 9).abs().max().item<double>(), 0);
  }
}

TEST(MaskLoss, ExcludedVoidPixelsHaveNoSay) {
  Case c(Sizes{.h = 16, .w = 16, .H = 16, .W = 16}, "excluded", false);
  c.targets.slice(2, 0, 8).fill_(-1);
  const auto value = [&] {
    const MaskLossTerms terms = c.loss().terms(0, c.mask_logits, c.class_logits, c.masks(), c.points());
    return (terms.mask + terms.dice).item<double>();
  };
  const double before = value();
  c.mask_logits.slice(3, 0, 8).neg_();
  EXPECT_EQ(value(), before);
}

TEST(MaskLoss, HasTheSameBitsForAnyNumberOfThreads) {
  const Case c(Sizes{.B = 5});
  const int before = at::get_num_threads();
  std::vector<at::Tensor> totals, gradients;
  for (const int threads : {1, 2, 5}) {
    at::set_num_threads(threads);
    at::Tensor masks = c.mask_logits.to(at::kFloat).requires_grad_(true);
    const MaskLossTerms terms = c.loss().terms(0, masks, c.class_logits.to(at::kFloat), c.masks(), c.points());
    totals.push_back(terms.mask + terms.dice);
    totals.back().backward();
    gradients.push_back(masks.grad());
  }
  at::set_num_threads(before);
  for (std::size_t i = 1; i < totals.size(); ++i) {
    EXPECT_TRUE(at::equal(totals[i], totals[0]));
    EXPECT_TRUE(at::equal(gradients[i], gradients[0]));
  }
}

TEST(MaskLoss, TakesBf16LogitsInFp32) {
  const Case c(Sizes{});
  at::Tensor masks = c.mask_logits.to(at::kBFloat16).requires_grad_(true);
  const MaskLossTerms terms = c.loss().terms(0, masks, c.class_logits.to(at::kBFloat16), c.masks(), c.points());
  EXPECT_EQ(terms.mask.scalar_type(), at::kFloat);
  terms.mask.backward();
  EXPECT_EQ(masks.grad().scalar_type(), at::kBFloat16);
}

}  // namespace
}  // namespace muster::model
