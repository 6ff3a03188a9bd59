#include "pack/statistics.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace muster::pack {

data::SplitStatistics split_statistics(const data::IndexColumns& columns, const PixelSums& sums, data::TargetKind kind,
                                       std::size_t num_classes) {
  data::SplitStatistics statistics;
  statistics.pixels = sums.pixels;
  statistics.sum.assign(sums.sum.begin(), sums.sum.end());
  statistics.squares.assign(sums.squares.begin(), sums.squares.end());
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

PixelSums sums_of(const data::SplitStatistics& statistics) {
  PixelSums sums{.pixels = statistics.pixels, .sum = {}, .squares = {}};
  for (std::size_t c = 0; c < sums.sum.size(); ++c) {
    if (statistics.sum.size() == sums.sum.size()) {
      sums.sum[c] = statistics.sum[c];
      sums.squares[c] = statistics.squares[c];
    } else {
      const double mean = 255 * statistics.mean.at(c);
      const double deviation = 255 * statistics.std.at(c);
      const auto pixels = static_cast<double>(statistics.pixels);
      sums.sum[c] = static_cast<std::uint64_t>(std::llround(mean * pixels));
      sums.squares[c] = static_cast<std::uint64_t>(std::llround((deviation * deviation + mean * mean) * pixels));
    }
  }
  return sums;
}

}  // namespace muster::pack
