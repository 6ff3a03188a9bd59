#include "model/point_sampling.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <type_traits>

#include "core/error.hpp"
#include "core/random.hpp"

namespace muster::model {

void RandomPoints::draw(std::uint32_t site, std::size_t image, std::span<float> xy) const {
  check(image < sample_ids_.size(), "RandomPoints: image {} of a pass with {} sample ids", image, sample_ids_.size());
  RandomSequence(seed_, RandomStream::kPoints, site, sample_ids_[image], static_cast<std::uint32_t>(step_)).uniforms(0, xy);
}

void RandomPoints::matcher_points(int layer, std::size_t image, std::span<float> xy) const {
  draw(static_cast<std::uint32_t>(layer), image, xy);
}

void RandomPoints::loss_points(int layer, std::size_t image, int mask, std::span<float> xy) const {
  check(mask < 65536, "RandomPoints: mask {} has no site of its own", mask);
  draw((static_cast<std::uint32_t>(layer) + 1) * 65536 + static_cast<std::uint32_t>(mask), image, xy);
}

template <class T>
BorderedMap<T> with_border(const T* values, int rows, int columns, T border) {
  BorderedMap<T> map(rows, columns, border);
  for (int row = 0; row < rows; ++row) {
    std::copy_n(values + static_cast<std::ptrdiff_t>(row) * columns, columns, map.cells.data() + map.cell(row, 0));
  }
  return map;
}

// The bits of |x| order like |x| itself, so a histogram over the upper ones finds the bucket in which the last chosen value
// lies; only that bucket is sorted. Three times as fast as std::nth_element on 37632 logits.
template <class T>
std::vector<std::uint32_t> nearest_to_zero(std::span<const T> values, std::size_t count) {
  check(count <= values.size(), "nearest_to_zero: {} of {} values", count, values.size());
  using Bits = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
  constexpr int kShift = sizeof(T) == 4 ? 20 : 52;  // leaves the exponent, of a float also 3 bits below
  constexpr Bits kMagnitude = static_cast<Bits>(~Bits{0}) >> 1;
  const auto bits = [&](std::size_t i) { return std::bit_cast<Bits>(values[i]) & kMagnitude; };

  std::array<std::uint32_t, 2048> histogram{};
  for (std::size_t i = 0; i < values.size(); ++i) {
    ++histogram[bits(i) >> kShift];
  }
  std::size_t bucket = 0, below = 0;
  while (bucket < histogram.size() && below + histogram[bucket] <= count) {
    below += histogram[bucket++];
  }
  // All buckets before this one are taken whole, and `wanted` of this one.
  std::size_t wanted = count - below;
  Bits last = 0;         // the largest value that is taken
  std::size_t ties = 0;  // how many of those that equal it
  if (wanted > 0) {
    std::vector<Bits> inside;
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (bits(i) >> kShift == bucket) {
        inside.push_back(bits(i));
      }
    }
    const auto middle = inside.begin() + static_cast<std::ptrdiff_t>(wanted - 1);
    std::nth_element(inside.begin(), middle, inside.end());
    last = *middle;
    ties = wanted - static_cast<std::size_t>(std::count_if(inside.begin(), inside.end(), [&](Bits b) { return b < last; }));
  } else {
    last = static_cast<Bits>(bucket) << kShift;
  }
  std::vector<std::uint32_t> chosen(count + 1);  // one more, so that every index can be written before it is kept
  std::size_t kept = 0;
  for (std::size_t i = 0; i < values.size() && kept < count; ++i) {
    const Bits b = bits(i);
    const bool tie = b == last && ties > 0;
    ties -= tie;
    chosen[kept] = static_cast<std::uint32_t>(i);
    kept += b < last || tie;
  }
  chosen.resize(count);
  return chosen;
}

template BorderedMap<float> with_border(const float*, int, int, float);
template BorderedMap<double> with_border(const double*, int, int, double);
template BorderedMap<std::int32_t> with_border(const std::int32_t*, int, int, std::int32_t);
template std::vector<std::uint32_t> nearest_to_zero(std::span<const float>, std::size_t);
template std::vector<std::uint32_t> nearest_to_zero(std::span<const double>, std::size_t);

}  // namespace muster::model
