#include "model/matcher.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include <ATen/ops/softmax.h>

#include "core/error.hpp"
#include "model/assignment.hpp"
#include "model/parallel_items.hpp"
#include "model/wide_math.hpp"

namespace muster::model {
namespace {

constexpr std::size_t kQueryLane = 8;    // queries are padded to a multiple
constexpr std::size_t kBlock = 64;  // points whose values are added up in the logits' own type, before they go to double

// Of one point: x = logits of all queries, and what is added up of them.
// softplus(x) = max(x, 0) + log(1 + e), e = exp(-|x|); the factors 1 + e <= 2 of a block are multiplied, for one logarithm.
template <class T>
struct PointSums {
  T* logit;     // [Q] of this point
  T* sigmoid;   // [Q] of this point
  T* positive;  // [Q] sum of max(x, 0)
  T* product;   // [Q] product of 1 + e
  T* area;      // [Q] sum of sigmoids
};

template <class T>
[[gnu::always_inline]] inline void add_point_of(const T* corner, std::size_t right, std::size_t down, const std::array<T, 4>& weight,
                                                std::size_t queries, const PointSums<T>& to) {
  for (std::size_t q = 0; q < queries; q += kWidth<T>) {
    const T* at = corner + q;
    const Values<T> x =
        weight[0] * load(at) + weight[1] * load(at + right) + weight[2] * load(at + down) + weight[3] * load(at + down + right);
    const Values<T> e = exp_of_negative(-magnitude<T>(x));
    const Values<T> s = sigmoid_of<T>(x, e);
    store(to.logit + q, x);
    store(to.sigmoid + q, s);
    store(to.positive + q, load(to.positive + q) + positive_part<T>(x));
    store(to.product + q, load(to.product + q) * (1 + e));
    store(to.area + q, load(to.area + q) + s);
  }
}
MUSTER_WIDE_VECTORS void add_point(const float* corner, std::size_t right, std::size_t down, const std::array<float, 4>& weight,
                                   std::size_t queries, const PointSums<float>& to) {
  add_point_of(corner, right, down, weight, queries, to);
}
void add_point(const double* corner, std::size_t right, std::size_t down, const std::array<double, 4>& weight, std::size_t queries,
               const PointSums<double>& to) {
  add_point_of(corner, right, down, weight, queries, to);
}

// Of one mask: overlap of its points with the queries' logits and sigmoids.
template <class T>
[[gnu::always_inline]] inline void add_overlap_of(T weight, std::size_t queries, const PointSums<T>& point, T* logit, T* sigmoid) {
  for (std::size_t q = 0; q < queries; q += kWidth<T>) {
    store(logit + q, load(logit + q) + weight * load(point.logit + q));
    store(sigmoid + q, load(sigmoid + q) + weight * load(point.sigmoid + q));
  }
}
MUSTER_WIDE_VECTORS void add_overlap(float weight, std::size_t queries, const PointSums<float>& point, float* logit, float* sigmoid) {
  add_overlap_of(weight, queries, point, logit, sigmoid);
}
void add_overlap(double weight, std::size_t queries, const PointSums<double>& point, double* logit, double* sigmoid) {
  add_overlap_of(weight, queries, point, logit, sigmoid);
}

// Sums over all points of an image, in double.
struct PairSums {
  std::vector<double> softplus, area;               // [Q]
  std::vector<double> logit_overlap, area_overlap;  // [M * Q]
  std::vector<double> mask_area;                    // [M]
  double points = 0;                                // that have weight 1
};

template <class T>
void move_to(std::vector<T>& from, std::vector<double>& to) {
  for (std::size_t i = 0; i < from.size(); ++i) {
    to[i] += static_cast<double>(std::exchange(from[i], T{0}));
  }
}

// The logits of an image with queries last, [cells][padded Q], so that a point reads whole rows; zeros around.
template <class T>
BorderedMap<T> queries_last(const T* logits, std::size_t queries, std::size_t padded, int rows, int columns) {
  BorderedMap<T> map(rows, columns, T{0}, padded);
  for (std::size_t q = 0; q < queries; ++q) {
    for (int row = 0; row < rows; ++row) {
      T* to = map.cells.data() + map.cell(row, 0) * padded + q;
      for (int column = 0; column < columns; ++column, to += padded) {
        *to = *logits++;
      }
    }
  }
  return map;
}

template <class T>
PairSums pair_sums(const T* logits, std::size_t queries, int rows, int columns, const ImageMasks& masks, std::span<const float> xy,
                   bool excludes_void) {
  const std::size_t padded = (queries + kQueryLane - 1) / kQueryLane * kQueryLane;
  const std::size_t count = masks.labels.size();
  const BorderedMap<T> map = queries_last(logits, queries, padded, rows, columns);
  PairSums sums{.softplus = std::vector<double>(padded),
                .area = std::vector<double>(padded),
                .logit_overlap = std::vector<double>(count * padded),
                .area_overlap = std::vector<double>(count * padded),
                .mask_area = std::vector<double>(count)};
  std::vector<T> logit(padded), sigmoid(padded), positive(padded), product(padded, T{1}), area(padded);
  std::vector<T> logit_overlap(count * padded), area_overlap(count * padded);
  const PointSums<T> point{logit.data(), sigmoid.data(), positive.data(), product.data(), area.data()};

  const auto finish_block = [&] {
    for (std::size_t q = 0; q < padded; ++q) {
      sums.softplus[q] += std::log(static_cast<double>(std::exchange(product[q], T{1})));
    }
    move_to(positive, sums.softplus);
    move_to(area, sums.area);
    move_to(logit_overlap, sums.logit_overlap);
    move_to(area_overlap, sums.area_overlap);
  };
  const std::size_t points = xy.size() / 2;
  for (std::size_t p = 0; p < points; ++p) {
    const auto segments = segments_at<T>(masks.segments, xy[2 * p], xy[2 * p + 1]);
    if (!(excludes_void && segments.touches_void)) {
      const auto at = neighbours<T>(map, xy[2 * p], xy[2 * p + 1]);
      const std::array<T, 4> weight{(1 - at.right) * (1 - at.down), at.right * (1 - at.down), (1 - at.right) * at.down, at.right * at.down};
      add_point(map.cells.data() + at.cell * padded, padded, map.stride() * padded, weight, padded, point);
      for (int i = 0; i < segments.count; ++i) {
        const auto mask = static_cast<std::size_t>(segments.segment[i]);
        add_overlap(segments.weight[i], padded, point, logit_overlap.data() + mask * padded, area_overlap.data() + mask * padded);
        sums.mask_area[mask] += static_cast<double>(segments.weight[i]);
      }
      sums.points += 1;
    }
    if (p % kBlock == kBlock - 1) {
      finish_block();
    }
  }
  finish_block();
  return sums;
}

// cost[mask * queries + query]
std::vector<double> costs(const PairSums& sums, const at::Tensor& probability_QK, const std::vector<std::int64_t>& labels,
                          std::size_t queries, const MaskLossOptions& options) {
  const std::size_t padded = sums.area.size();
  const auto probability = probability_QK.accessor<double, 2>();
  std::vector<double> cost(labels.size() * queries);
  for (std::size_t m = 0; m < labels.size(); ++m) {
    for (std::size_t q = 0; q < queries; ++q) {
      const double bce = (sums.softplus[q] - sums.logit_overlap[m * padded + q]) / std::max(1.0, sums.points);
      const double dice = 1 - (2 * sums.area_overlap[m * padded + q] + 1) / (sums.area[q] + sums.mask_area[m] + 1);
      const double sum = options.mask_coefficient * bce + options.dice_coefficient * dice -
                         options.class_coefficient * probability[static_cast<std::int64_t>(q)][labels[m]];
      cost[m * queries + q] = std::isnan(sum) ? 0 : std::clamp(sum, -1e10, 1e10);
    }
  }
  return cost;
}

template <class T>
std::vector<int> match_image(const at::Tensor& mask_logits_Qhw, const at::Tensor& probability_QK, const ImageMasks& masks,
                             const MaskLossOptions& options, bool excludes_void, std::span<const float> xy) {
  const auto queries = static_cast<std::size_t>(mask_logits_Qhw.size(0));
  const PairSums sums = pair_sums(mask_logits_Qhw.const_data_ptr<T>(), queries, static_cast<int>(mask_logits_Qhw.size(1)),
                                  static_cast<int>(mask_logits_Qhw.size(2)), masks, xy, excludes_void);
  return assign_least_cost(costs(sums, probability_QK, masks.labels, queries, options), static_cast<int>(masks.labels.size()),
                           static_cast<int>(queries));
}

}  // namespace

std::int64_t Matching::matched() const noexcept {
  std::int64_t count = 0;
  for (const auto& image : query_of_mask) {
    count += std::count_if(image.begin(), image.end(), [](int query) { return query >= 0; });
  }
  return count;
}

Matching match_masks(const at::Tensor& mask_logits_BQhw, const at::Tensor& class_logits_BQK, const MaskTargets& targets,
                     const MaskLossOptions& options, bool excludes_void, int layer, const PointSource& points) {
  const at::Tensor logits = mask_logits_BQhw.detach().contiguous();
  const at::Tensor probabilities = at::softmax(class_logits_BQK.detach(), -1).to(at::kDouble);
  check(logits.dim() == 4 && logits.size(0) == static_cast<std::int64_t>(targets.size()),
        "match_masks: targets of {} images, logits with {} axes", targets.size(), logits.dim());
  Matching matching{.query_of_mask = std::vector<std::vector<int>>(targets.size())};
  parallel_items(targets.size(), [&](std::size_t image) {
    if (targets[image].labels.empty()) {
      return;
    }
    std::vector<float> xy(static_cast<std::size_t>(2 * options.num_points));
    points.matcher_points(layer, image, xy);
    const auto b = static_cast<std::int64_t>(image);
    const auto match = logits.scalar_type() == at::kDouble ? match_image<double> : match_image<float>;
    matching.query_of_mask[image] = match(logits[b], probabilities[b], targets[image], options, excludes_void, xy);
  });
  return matching;
}

}  // namespace muster::model
