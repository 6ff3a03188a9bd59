#include "model/mask_annealing.hpp"

#include <cmath>

#include <gtest/gtest.h>

#include "core/error.hpp"
#include "tiny_model.hpp"

namespace muster::model {
namespace {

TEST(MaskAnnealing, PlacesOneWindowPerJointBlockInEqualPhases) {
  const auto windows = anneal_windows({}, 3, 300);
  ASSERT_EQ(windows.size(), 3u);
  for (int k = 0; k < 3; ++k) {
    EXPECT_EQ(windows[static_cast<std::size_t>(k)].start, 60 * (k + 1));
    EXPECT_EQ(windows[static_cast<std::size_t>(k)].end, 60 * (k + 2));
  }
  // 12.5 and 37.5 are rounded to even, as Python's round
  EXPECT_EQ(anneal_windows({}, 6, 100)[0].start, 12);
  EXPECT_EQ(anneal_windows({}, 6, 100)[2].start, 38);
}

TEST(MaskAnnealing, TheRecipesWindowsWinAndMustFitTheModel) {
  EomtOptions options;
  options.attn_mask_annealing_steps_start = {0, 4, 8};
  options.attn_mask_annealing_steps_end = {3, 9, 9};
  EXPECT_EQ(anneal_windows(options, 3, 1000)[1].end, 9);
  EXPECT_THROW((void)anneal_windows(options, 4, 1000), ConfigError);
}

TEST(MaskAnnealing, ProbabilityFallsFromOneToZeroInItsWindow) {
  const AnnealWindow window{.start = 100, .end = 200};
  EXPECT_EQ(mask_probability(window, 0), 1);
  EXPECT_EQ(mask_probability(window, 100), 1);
  EXPECT_NEAR(mask_probability(window, 150), std::pow(0.5, 0.9), 1e-15);
  EXPECT_GT(mask_probability(window, 199), 0);
  EXPECT_EQ(mask_probability(window, 200), 0);
  EXPECT_EQ(mask_probability({.start = 5, .end = 5}, 5), 0) << "an empty window switches";
}

TEST(MaskAnnealing, KeepsAsManyMasksAsTheProbabilitySaysAndDrawsPerImageNotPerPosition) {
  PassKey key = training_key(40);
  for (const double probability : {0.2, 0.7}) {
    const at::Tensor kept = draw_kept_masks(key, 9, 100, probability);
    EXPECT_NEAR(kept.to(at::kDouble).mean().item<double>(), probability, 4 * std::sqrt(probability * (1 - probability) / 4000));
  }
  const at::Tensor all = draw_kept_masks(key, 9, 100, 0.5);
  key.sample_ids = {key.sample_ids[7]};
  EXPECT_TRUE(at::equal(draw_kept_masks(key, 9, 100, 0.5)[0], all[7])) << "a sample's draw does not depend on its batch";
  EXPECT_FALSE(at::equal(draw_kept_masks(key, 10, 100, 0.5)[0], all[7])) << "another block";
  key.step += 1;
  EXPECT_FALSE(at::equal(draw_kept_masks(key, 9, 100, 0.5)[0], all[7])) << "another step";
}

TEST(AttentionMask, IsTheSignOfTheLogitsBetweenTheTwoMiddlePixels) {
  const at::Tensor logits = random_tensor("logits", {2, 3, 8, 12});
  const at::Tensor mask = attention_mask(logits, {}, 2, 3);
  ASSERT_EQ(mask.sizes(), at::IntArrayRef({2, 3, 6}));
  for (std::int64_t b = 0; b < 2; ++b) {
    for (std::int64_t q = 0; q < 3; ++q) {
      for (std::int64_t p = 0; p < 6; ++p) {
        // a factor of 4 puts the sample at 4 i + 1.5: the mean of pixels 1 and 2 of each four
        const std::int64_t y = 4 * (p / 3) + 1, x = 4 * (p % 3) + 1;
        const double sum = logits[b][q].slice(0, y, y + 2).slice(1, x, x + 2).sum().item<double>();
        EXPECT_EQ(mask[b][q][p].item<bool>(), sum > 0);
      }
    }
  }
}

TEST(AttentionMask, IsOpenForQueriesThatLostTheirs) {
  const at::Tensor logits = at::full({1, 2, 4, 4}, -1.0);
  const at::Tensor kept = at::tensor({1, 0}).to(at::kBool).view({1, 2});
  const at::Tensor mask = attention_mask(logits, kept, 2, 2);
  EXPECT_FALSE(mask[0][0].any().item<bool>());
  EXPECT_TRUE(mask[0][1].all().item<bool>());
}

}  // namespace
}  // namespace muster::model
