#include "metric/confusion_matrix.hpp"

#include <cmath>
#include <set>

#include <gtest/gtest.h>

#include "core/error.hpp"
#include "core/random.hpp"

namespace muster::metric {
namespace {

struct Labels {
  std::vector<std::int32_t> truth;
  std::vector<std::uint16_t> predicted;
};

// Class `absent` occurs nowhere; a tenth of the truth is void.
Labels random_labels(int classes, int absent, std::size_t count, std::uint32_t site) {
  const RandomSequence random(2, RandomStream::kInit, site, 0, 0);
  Labels labels;
  for (std::size_t i = 0; i < count; ++i) {
    const auto pick = [&](std::uint64_t index) {
      const int c = static_cast<int>(random.uniform(index) * classes);
      return c == absent ? 0 : c;
    };
    labels.truth.push_back(random.uniform(3 * i) < 0.1 ? -1 : pick(3 * i + 1));
    labels.predicted.push_back(static_cast<std::uint16_t>(pick(3 * i + 2)));
  }
  return labels;
}

// By sets of pixels, one class after the other.
double naive_iou(const Labels& labels, int c) {
  std::set<std::size_t> either, both;
  for (std::size_t i = 0; i < labels.truth.size(); ++i) {
    if (labels.truth[i] < 0) {
      continue;
    }
    const bool a = labels.truth[i] == c, b = labels.predicted[i] == c;
    if (a || b) {
      either.insert(i);
    }
    if (a && b) {
      both.insert(i);
    }
  }
  return static_cast<double>(both.size()) / static_cast<double>(either.size());
}

TEST(ConfusionMatrix, IouIsIntersectionOverUnionOfPixels) {
  constexpr int kClasses = 5, kAbsent = 3;
  const Labels labels = random_labels(kClasses, kAbsent, 400, 1);
  ConfusionMatrix matrix(kClasses);
  matrix.add(labels.truth, labels.predicted);
  const std::vector<double> iou = matrix.iou();
  double sum = 0;
  for (int c = 0; c < kClasses; ++c) {
    if (c == kAbsent) {
      EXPECT_TRUE(std::isnan(iou[static_cast<std::size_t>(c)]));
    } else {
      EXPECT_DOUBLE_EQ(iou[static_cast<std::size_t>(c)], naive_iou(labels, c));
      sum += naive_iou(labels, c);
    }
  }
  EXPECT_DOUBLE_EQ(matrix.mean_iou(), sum / (kClasses - 1));  // the absent class is no part of the mean
}

TEST(ConfusionMatrix, CountsAClassThatIsOnlyPredictedAsZero) {
  ConfusionMatrix matrix(3);
  matrix.add(std::vector<std::int32_t>{0, 0, 0, -1}, std::vector<std::uint16_t>{0, 0, 1, 2});
  EXPECT_DOUBLE_EQ(matrix.iou()[1], 0);
  EXPECT_TRUE(std::isnan(matrix.iou()[2]));  // only where truth is void
  EXPECT_DOUBLE_EQ(matrix.mean_iou(), (2.0 / 3 + 0) / 2);
  EXPECT_DOUBLE_EQ(matrix.accuracy(), 2.0 / 3);
}

TEST(ConfusionMatrix, IsUndefinedWithoutPixels) {
  ConfusionMatrix matrix(2);
  matrix.add(std::vector<std::int32_t>{-1}, std::vector<std::uint16_t>{1});
  EXPECT_TRUE(std::isnan(matrix.mean_iou()));
  EXPECT_TRUE(std::isnan(matrix.accuracy()));
}

// Adds what another rank counted.
class OtherRank final : public Reducer {
 public:
  explicit OtherRank(std::vector<double> counts) : counts_(std::move(counts)) {}
  int rank() const noexcept override { return 0; }
  int world() const noexcept override { return 2; }
  void sum(std::span<double> values) override {
    ASSERT_EQ(values.size(), counts_.size());
    for (std::size_t i = 0; i < values.size(); ++i) {
      values[i] += counts_[i];
    }
  }
  void max(std::span<double>) override {}

 private:
  std::vector<double> counts_;
};

TEST(ConfusionMatrix, OfTwoRanksIsThatOfAllTheirPixels) {
  const Labels a = random_labels(4, -1, 200, 1), b = random_labels(4, -1, 300, 2);
  ConfusionMatrix whole(4), mine(4), theirs(4);
  for (const Labels* labels : {&a, &b}) {
    whole.add(labels->truth, labels->predicted);
  }
  mine.add(a.truth, a.predicted);
  theirs.add(b.truth, b.predicted);
  std::vector<double> counts;
  for (int i = 0; i < 16; ++i) {
    counts.push_back(theirs.count(i / 4, i % 4));
  }
  OtherRank reducer(counts);
  mine.sum_over_ranks(reducer);
  EXPECT_EQ(mine.iou(), whole.iou());
  mine.clear();
  EXPECT_EQ(mine.count(1, 1), 0);
}

TEST(ConfusionMatrix, RefusesClassesThatAreNone) {
  ConfusionMatrix matrix(2);
  EXPECT_THROW(matrix.add(std::vector<std::int32_t>{2}, std::vector<std::uint16_t>{0}), InvariantError);
  EXPECT_THROW(matrix.add(std::vector<std::int32_t>{0}, std::vector<std::uint16_t>{2}), InvariantError);
  EXPECT_THROW(matrix.add(std::vector<std::int32_t>{0, 1}, std::vector<std::uint16_t>{0}), InvariantError);
}

}  // namespace
}  // namespace muster::metric
