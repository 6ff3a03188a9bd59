#include "metric/confusion_matrix.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/error.hpp"

namespace muster::metric {

ConfusionMatrix::ConfusionMatrix(int classes) : classes_(classes) {
  check(classes > 0, "ConfusionMatrix: {} classes", classes);
  counts_.resize(static_cast<std::size_t>(classes) * static_cast<std::size_t>(classes));
}

void ConfusionMatrix::clear() {
  std::fill(counts_.begin(), counts_.end(), 0.0);
}

void ConfusionMatrix::add(std::span<const std::int32_t> truth, std::span<const std::uint16_t> predicted) {
  check(truth.size() == predicted.size(), "ConfusionMatrix: {} labels for {} predictions", truth.size(), predicted.size());
  const auto classes = static_cast<std::size_t>(classes_);
  for (std::size_t i = 0; i < truth.size(); ++i) {
    if (truth[i] < 0) {
      continue;
    }
    check(truth[i] < classes_ && predicted[i] < classes_, "ConfusionMatrix: truth {} and prediction {} at pixel {}, with {} classes",
          truth[i], predicted[i], i, classes_);
    counts_[static_cast<std::size_t>(truth[i]) * classes + predicted[i]] += 1;
  }
}

std::vector<double> ConfusionMatrix::iou() const {
  std::vector<double> result;
  for (int c = 0; c < classes_; ++c) {
    double either = -count(c, c);  // counted in its row and in its column
    for (int other = 0; other < classes_; ++other) {
      either += count(c, other) + count(other, c);
    }
    result.push_back(either > 0 ? count(c, c) / either : std::numeric_limits<double>::quiet_NaN());
  }
  return result;
}

double ConfusionMatrix::mean_iou() const {
  double sum = 0;
  int occurring = 0;
  for (const double value : iou()) {
    if (!std::isnan(value)) {
      sum += value;
      ++occurring;
    }
  }
  return occurring > 0 ? sum / occurring : std::numeric_limits<double>::quiet_NaN();
}

double ConfusionMatrix::accuracy() const {
  double right = 0, all = 0;
  for (int c = 0; c < classes_; ++c) {
    right += count(c, c);
  }
  for (const double number : counts_) {
    all += number;
  }
  return all > 0 ? right / all : std::numeric_limits<double>::quiet_NaN();
}

}  // namespace muster::metric
