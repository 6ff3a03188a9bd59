#include "model/matcher.hpp"

#include <limits>

#include <gtest/gtest.h>

#include "model/assignment.hpp"
#include "model/mask_loss_fixture.hpp"

namespace muster::model {
namespace {

std::vector<std::vector<int>> naive_matching(const at::Tensor& masks_BQhw, const at::Tensor& classes_BQK, const at::Tensor& targets,
                                             const Sizes& s, const MaskLossOptions& o, bool excludes_void, int layer,
                                             const PointSource& points) {
  std::vector<std::vector<int>> result;
  for (std::int64_t b = 0; b < s.B; ++b) {
    const DenseMasks image = dense_masks(targets[b], s.K);
    const at::Tensor xy = drawn(points, layer, static_cast<std::size_t>(b), -1, o.num_points);
    const at::Tensor cost = naive_cost(masks_BQhw[b], classes_BQK[b], image, xy, o, excludes_void).contiguous();
    result.push_back(assign_least_cost({cost.const_data_ptr<double>(), static_cast<std::size_t>(cost.numel())},
                                       static_cast<int>(cost.size(0)), static_cast<int>(cost.size(1))));
  }
  return result;
}

TEST(MatchMasks, FindsThePairsOfTheCostsWrittenDownNaively) {
  const MaskLossOptions options{.num_points = 300};
  for (const std::int64_t queries : {3, 6, 40}) {  // fewer than masks, enough, more than one lane
    for (const bool excludes_void : {false, true}) {
      const Sizes sizes{.Q = queries};
      const at::Tensor masks = random_tensor({sizes.B, sizes.Q, sizes.h, sizes.w}, 11);
      const at::Tensor classes = random_tensor({sizes.B, sizes.Q, sizes.K + 1}, 12);
      const at::Tensor targets = random_targets(sizes, 13, true);
      const RandomPoints points(key_of(sizes.B));
      const MaskTargets mask_targets = masks_of_classes(targets, sizes.K);
      const auto expected = naive_matching(masks, classes, targets, sizes, options, excludes_void, 2, points);
      SCOPED_TRACE(testing::Message() << "queries=" << queries << " excludes_void=" << excludes_void);
      EXPECT_EQ(match_masks(masks, classes, mask_targets, options, excludes_void, 2, points).query_of_mask, expected);
      EXPECT_EQ(match_masks(masks.to(at::kFloat), classes.to(at::kFloat), mask_targets, options, excludes_void, 2, points).query_of_mask,
                expected);
    }
  }
}

TEST(MatchMasks, CountsWhatItMatched) {
  const Sizes sizes{.Q = 2};
  const MaskLossOptions options{.num_points = 50};
  const MaskTargets targets = masks_of_classes(random_targets(sizes, 13, false), sizes.K);
  const Matching matching =
      match_masks(random_tensor({sizes.B, sizes.Q, sizes.h, sizes.w}, 11), random_tensor({sizes.B, sizes.Q, sizes.K + 1}, 12), targets,
                  options, false, 0, RandomPoints(key_of(sizes.B)));
  for (const ImageMasks& image : targets) {
    ASSERT_GT(image.labels.size(), 2U);
  }
  EXPECT_EQ(matching.matched(), 2 * sizes.B);
}

TEST(MatchMasks, StillGivesPairsWhenLogitsAreNotFinite) {
  const Sizes sizes;
  at::Tensor masks = random_tensor({sizes.B, sizes.Q, sizes.h, sizes.w}, 11);
  masks[0][1].fill_(std::numeric_limits<double>::quiet_NaN());
  masks[1][2].fill_(std::numeric_limits<double>::infinity());
  const MaskTargets targets = masks_of_classes(random_targets(sizes, 13, false), sizes.K);
  const Matching matching = match_masks(masks, random_tensor({sizes.B, sizes.Q, sizes.K + 1}, 12), targets, {.num_points = 50}, false, 0,
                                        RandomPoints(key_of(sizes.B)));
  for (std::size_t image = 0; image < targets.size(); ++image) {
    EXPECT_EQ(matching.query_of_mask[image].size(), targets[image].labels.size());
  }
}

}  // namespace
}  // namespace muster::model
