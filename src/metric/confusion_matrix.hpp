// Which class was predicted where which class is true, counted over pixels; IoU and accuracy are read off the counts.
//
// Pixels whose truth is void are left out before counting, so what is predicted there does not matter. Counts are whole
// numbers in doubles, exact up to 2^53, so that they add over ranks in any order with the same bits.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/reducer.hpp"

namespace muster::metric {

class ConfusionMatrix {
 public:
  explicit ConfusionMatrix(int classes);

  // Pixel by pixel; both of equal length. truth: class in [0, classes) or negative = void. predicted: class in [0, classes).
  // Throws InvariantError for any other number.
  void add(std::span<const std::int32_t> truth, std::span<const std::uint16_t> predicted);
  // Collective: the counts of all ranks, on every rank.
  void sum_over_ranks(Reducer& reducer) { reducer.sum(counts_); }
  void clear();

  int classes() const noexcept { return classes_; }
  double count(int truth, int predicted) const {
    return counts_.at(static_cast<std::size_t>(truth) * static_cast<std::size_t>(classes_) + static_cast<std::size_t>(predicted));
  }

  // TP / (TP + FP + FN) by class; NaN for a class that occurs neither in truth nor in prediction.
  std::vector<double> iou() const;
  // Mean of iou() over the classes that occur, as torchmetrics' macro average of the Jaccard index (LightlyTrain). EoMT's own
  // programs count a class that does not occur as 0, which is less by the share of such classes. NaN where nothing occurs.
  double mean_iou() const;
  // Share of pixels that are predicted right; NaN without pixels.
  double accuracy() const;

 private:
  int classes_;
  std::vector<double> counts_;  // [truth][predicted]
};

}  // namespace muster::metric
