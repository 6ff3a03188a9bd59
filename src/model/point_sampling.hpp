// Where masks are compared: points drawn at random, and the values of maps at them.
//
// A point (x, y) in [0,1)^2 lies x of the width from the left and y of the height from the top, whatever the resolution of
// the map. A map's value there is bilinear between pixel centres, with zeros outside: torch's grid_sample at 2 (x, y) - 1
// with align_corners=false.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "model/block.hpp"

namespace muster::model {

// Gives the points of one pass. `layer` counts the predictions from 0. All functions may be called from several threads.
class PointSource {
 public:
  virtual ~PointSource() = default;

  // xy = x0 y0 x1 y1 ...: the points at which all queries and masks of an image are compared to match them.
  virtual void matcher_points(int layer, std::size_t image, std::span<float> xy) const = 0;
  // The points of one mask's loss: first the candidates, of which the least certain are kept, then those that are used as
  // they come. `mask` is the mask's number in its image.
  virtual void loss_points(int layer, std::size_t image, int mask, std::span<float> xy) const = 0;
};

// Philox stream `points` (CONTRACTS 6): x and y of point p are values 2 p and 2 p + 1 of the site.
class RandomPoints final : public PointSource {
 public:
  explicit RandomPoints(const PassKey& key) : seed_(key.seed), step_(key.step), sample_ids_(key.sample_ids) {}

  void matcher_points(int layer, std::size_t image, std::span<float> xy) const override;
  void loss_points(int layer, std::size_t image, int mask, std::span<float> xy) const override;

 private:
  void draw(std::uint32_t site, std::size_t image, std::span<float> xy) const;

  std::uint64_t seed_;
  std::int64_t step_;
  std::vector<std::uint32_t> sample_ids_;
};

// A map with a border of one pixel, so that each point has four neighbours: `rows + 2` by `columns + 2` cells of `depth`
// values. T is float or double for logits, std::int32_t for segments.
template <class T>
struct BorderedMap {
  int rows = 0;
  int columns = 0;
  std::vector<T> cells;

  BorderedMap(int height, int width, T border, std::size_t depth = 1)
      : rows(height), columns(width), cells(static_cast<std::size_t>(height + 2) * static_cast<std::size_t>(width + 2) * depth, border) {}

  std::size_t stride() const noexcept { return static_cast<std::size_t>(columns) + 2; }
  std::size_t cell(int row, int column) const noexcept {
    return static_cast<std::size_t>(row + 1) * stride() + static_cast<std::size_t>(column + 1);
  }
};

// A bordered map of one plane of values, given row by row without border.
template <class T>
BorderedMap<T> with_border(const T* values, int rows, int columns, T border);

// The cells around a point: upper left, and the right and lower neighbours' shares.
template <class T>
struct Neighbours {
  std::size_t cell;
  T right;  // weights of the corners: (1 - right)(1 - down), right (1 - down), (1 - right) down, right down
  T down;
};

template <class T, class Cell>
inline Neighbours<T> neighbours(const BorderedMap<Cell>& map, float x, float y) noexcept {
  const T column = static_cast<T>(x) * static_cast<T>(map.columns) - static_cast<T>(0.5);  // -0.5 .. columns - 0.5
  const T row = static_cast<T>(y) * static_cast<T>(map.rows) - static_cast<T>(0.5);
  const int left = static_cast<int>(column + 1) - 1;  // floor, for numbers >= -1
  const int top = static_cast<int>(row + 1) - 1;
  return {map.cell(top, left), column - static_cast<T>(left), row - static_cast<T>(top)};
}

template <class T>
inline T sample(const BorderedMap<T>& map, const Neighbours<T>& at) noexcept {
  const T* upper = map.cells.data() + at.cell;
  const T* lower = upper + map.stride();
  const T top = upper[0] + at.right * (upper[1] - upper[0]);
  const T bottom = lower[0] + at.right * (lower[1] - lower[0]);
  return top + at.down * (bottom - top);
}

// Segment numbers around a point with their weights; equal numbers are joined, zero weights left out.
template <class T>
struct SegmentsAt {
  int count = 0;
  std::int32_t segment[4];
  T weight[4];
  bool touches_void = false;  // one of them is void (-1); then the point lies in no labelled place
};

inline constexpr std::int32_t kOutside = -2;  // border of a segment map: no mask, but not void either

template <class T>
inline SegmentsAt<T> segments_at(const BorderedMap<std::int32_t>& map, float x, float y) noexcept {
  const Neighbours<T> at = neighbours<T>(map, x, y);
  const std::int32_t* upper = map.cells.data() + at.cell;
  const std::int32_t* lower = upper + map.stride();
  SegmentsAt<T> result;
  if (upper[0] == upper[1] && upper[0] == lower[0] && upper[0] == lower[1]) {  // nearly always
    result.count = upper[0] >= 0;
    result.segment[0] = upper[0];
    result.weight[0] = 1;
    result.touches_void = upper[0] == -1;
    return result;
  }
  const auto add = [&](std::int32_t segment, T weight) {
    if (weight <= 0) {
      return;
    }
    result.touches_void = result.touches_void || segment == -1;
    if (segment < 0) {
      return;
    }
    for (int i = 0; i < result.count; ++i) {
      if (result.segment[i] == segment) {
        result.weight[i] += weight;
        return;
      }
    }
    result.segment[result.count] = segment;
    result.weight[result.count++] = weight;
  };
  add(upper[0], (1 - at.right) * (1 - at.down));
  add(upper[1], at.right * (1 - at.down));
  add(lower[0], (1 - at.right) * at.down);
  add(lower[1], at.right * at.down);
  return result;
}

// Indices of the `count` values nearest to zero, ascending; of equal ones the first. NaN counts as furthest.
template <class T>
std::vector<std::uint32_t> nearest_to_zero(std::span<const T> values, std::size_t count);

}  // namespace muster::model
