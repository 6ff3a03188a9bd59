#include "model/point_sampling.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "model/mask_targets.hpp"
#include "model/mask_loss_fixture.hpp"

namespace muster::model {
namespace {

// Corners, borders, pixel centres, and points in general.
std::vector<float> some_points(std::size_t count) {
  std::vector<float> xy{0, 0, 0.99999994f, 0.99999994f, 0, 0.99999994f, 0.5f, 0.5f, 1.0f / 16, 1.0f / 16, 1, 1};
  std::vector<float> more(2 * count);
  RandomSequence(9, RandomStream::kPoints, 0, 0, 0).uniforms(0, more);
  xy.insert(xy.end(), more.begin(), more.end());
  return xy;
}

TEST(Sample, IsGridSampleWithZerosOutside) {
  const at::Tensor map_hw = random_tensor({5, 8}, 1);
  const std::vector<float> xy = some_points(500);
  const at::Tensor expected = grid_sampled(map_hw.unsqueeze(0), at::tensor(xy).view({-1, 2}).to(at::kDouble))[0];
  const BorderedMap<double> map = with_border(map_hw.const_data_ptr<double>(), 5, 8, 0.0);
  const at::Tensor map32_hw = map_hw.to(at::kFloat);
  const BorderedMap<float> map32 = with_border(map32_hw.const_data_ptr<float>(), 5, 8, 0.0f);
  for (std::size_t p = 0; p < xy.size() / 2; ++p) {
    const double value = expected[static_cast<std::int64_t>(p)].item<double>();
    EXPECT_NEAR(sample(map, neighbours<double>(map, xy[2 * p], xy[2 * p + 1])), value, 1e-13);
    EXPECT_NEAR(sample(map32, neighbours<float>(map32, xy[2 * p], xy[2 * p + 1])), value, 1e-5);
  }
}

TEST(SegmentsAt, AreTheOneHotMasksSampled) {
  const Sizes sizes{.B = 1};
  const at::Tensor targets = random_targets(sizes, 2, true);
  const DenseMasks dense = dense_masks(targets[0], sizes.K);
  const MaskTargets masks = masks_of_classes(targets, sizes.K);
  ASSERT_EQ(masks[0].labels, dense.labels);
  const std::vector<float> xy = some_points(2000);
  const at::Tensor points = at::tensor(xy).view({-1, 2}).to(at::kDouble);
  const at::Tensor expected = grid_sampled(dense.masks_MHW, points), void_share = grid_sampled(dense.void_HW.unsqueeze(0), points)[0];
  int touching = 0;
  for (std::size_t p = 0; p < xy.size() / 2; ++p) {
    const auto found = segments_at<double>(masks[0].segments, xy[2 * p], xy[2 * p + 1]);
    std::vector<double> weight(dense.labels.size());
    for (int i = 0; i < found.count; ++i) {
      weight[static_cast<std::size_t>(found.segment[i])] += found.weight[i];
    }
    for (std::size_t m = 0; m < weight.size(); ++m) {
      // Where all four neighbours agree the weight is 1 by rule, and by grid_sample only to rounding.
      EXPECT_NEAR(weight[m], expected[static_cast<std::int64_t>(m)][static_cast<std::int64_t>(p)].item<double>(), 1e-13);
    }
    EXPECT_EQ(found.touches_void, void_share[static_cast<std::int64_t>(p)].item<double>() > 0);
    touching += found.touches_void;
  }
  EXPECT_GT(touching, 50);
}

TEST(MasksOfClasses, NumberTheClassesThatOccurInAscendingOrder) {
  const at::Tensor targets = at::tensor(std::vector<std::int32_t>{7, -1, 2, 2, -1, -1, -1, -1}).view({2, 1, 4}).to(at::kInt);
  const MaskTargets masks = masks_of_classes(targets, 8);
  EXPECT_EQ(masks[0].labels, (std::vector<std::int64_t>{2, 7}));
  EXPECT_TRUE(masks[1].labels.empty());
  const auto at = [&](int column) { return masks[0].segments.cells[masks[0].segments.cell(0, column)]; };
  EXPECT_EQ((std::vector<int>{at(0), at(1), at(2), at(3), at(4)}), (std::vector<int>{1, -1, 0, 0, kOutside}));
  EXPECT_THROW(masks_of_classes(targets, 7), InvariantError);
}

template <class T>
class NearestToZero : public testing::Test {};
using FloatTypes = testing::Types<float, double>;
TYPED_TEST_SUITE(NearestToZero, FloatTypes);

TYPED_TEST(NearestToZero, ChoosesTheSmallestMagnitudesAndOfEqualsTheFirst) {
  for (const std::size_t size : {1U, 7U, 1000U}) {
    for (const bool with_ties : {false, true}) {
      std::vector<TypeParam> values(size);
      const RandomSequence random(4, RandomStream::kInit, static_cast<std::uint32_t>(size), 0, 0);
      for (std::size_t i = 0; i < size; ++i) {
        const double x = random.normal(i) * 3;
        values[i] = static_cast<TypeParam>(with_ties ? std::round(x) : x);
      }
      std::vector<std::uint32_t> order(size);
      std::iota(order.begin(), order.end(), 0);
      std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return std::abs(values[a]) < std::abs(values[b]); });
      for (const std::size_t count : {std::size_t{0}, std::size_t{1}, size / 4, size / 2, size - 1, size}) {
        std::vector<std::uint32_t> expected(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(count));
        std::sort(expected.begin(), expected.end());
        EXPECT_EQ(nearest_to_zero<TypeParam>(values, count), expected) << size << " " << count << " " << with_ties;
      }
    }
  }
}

TYPED_TEST(NearestToZero, TakesInfiniteAndUndefinedValuesLast) {
  const TypeParam inf = std::numeric_limits<TypeParam>::infinity(), nan = std::numeric_limits<TypeParam>::quiet_NaN();
  const std::vector<TypeParam> values{nan, -inf, 3, inf, 1};
  EXPECT_EQ(nearest_to_zero<TypeParam>(values, 3), (std::vector<std::uint32_t>{1, 2, 4}));
  EXPECT_EQ(nearest_to_zero<TypeParam>(values, 5), (std::vector<std::uint32_t>{0, 1, 2, 3, 4}));
  EXPECT_THROW(nearest_to_zero<TypeParam>(values, 6), InvariantError);
}

TEST(RandomPoints, DrawTheSitesOfTheContract) {
  const RandomPoints points(key_of(2));
  std::vector<float> xy(10);
  points.matcher_points(3, 1, xy);
  const RandomSequence matcher(5, RandomStream::kPoints, 3, 101, 7);
  for (std::size_t i = 0; i < xy.size(); ++i) {
    EXPECT_EQ(xy[i], matcher.uniform(i));
  }
  points.loss_points(3, 0, 2, xy);
  const RandomSequence loss(5, RandomStream::kPoints, 4 * 65536 + 2, 100, 7);
  for (std::size_t i = 0; i < xy.size(); ++i) {
    EXPECT_EQ(xy[i], loss.uniform(i));
  }
  EXPECT_THROW(points.matcher_points(0, 2, xy), InvariantError);
}

}  // namespace
}  // namespace muster::model
