#include "pack/statistics.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace muster::pack {

data::SplitStatistics split_statistics(const data::IndexColumns& columns, const PixelSums& sums, std::size_t num_classes) {
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
  statistics.class_pixels.resize(num_classes);
  statistics.class_images.resize(num_classes);
  for (std::size_t i = 0; i < columns.class_id.size(); ++i) {
    statistics.class_pixels[columns.class_id[i]] += columns.class_pixels[i];
    statistics.class_images[columns.class_id[i]] += 1;
  }
  return statistics;
}

}  // namespace muster::pack
