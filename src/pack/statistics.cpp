#include "pack/statistics.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace muster::pack {

data::SplitStatistics split_statistics(const data::IndexColumns& columns, const PixelSums& sums, data::TargetKind kind,
                                       std::size_t num_classes) {
  data::SplitStatistics statistics;
  statistics.pixels = sums.pixels;
  const double pixels = std::max(1.0, static_cast<double>(sums.pixels));
  for (std::size_t c = 0; c < sums.sum.size(); ++c) {
    const double mean = static_cast<double>(sums.sum[c]) / pixels;
    const double variance = static_cast<double>(sums.squares[c]) / pixels - mean * mean;
    statistics.mean.push_back(mean / 255);
    statistics.std.push_back(std::sqrt(std::max(0.0, variance)) / 255);
  }
  for (std::size_t i = 0; i < columns.size(); ++i) {
    ++statistics.size_histogram[std::bit_ceil(std::max(columns.height[i], columns.width[i]))];
  }
  data::count_classes(columns, kind, num_classes, statistics);
  return statistics;
}

}  // namespace muster::pack
