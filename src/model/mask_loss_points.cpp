#include "model/mask_loss_points.hpp"

#include <array>
#include <cmath>
#include <limits>

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <torch/csrc/autograd/custom_function.h>

#include "core/error.hpp"
#include "model/parallel_items.hpp"
#include "model/wide_math.hpp"

namespace muster::model {
namespace {

struct MatchedMask {
  std::size_t image;
  int mask;   // its number in the image
  int query;  // that answers for it
};

std::vector<MatchedMask> matched_masks(const Matching& matching) {
  std::vector<MatchedMask> list;
  for (std::size_t image = 0; image < matching.query_of_mask.size(); ++image) {
    for (std::size_t mask = 0; mask < matching.query_of_mask[image].size(); ++mask) {
      if (matching.query_of_mask[image][mask] >= 0) {
        list.push_back({image, static_cast<int>(mask), matching.query_of_mask[image][mask]});
      }
    }
  }
  return list;
}

// What one mask is compared at: P points, padded to whole lanes with weight 0.
constexpr std::size_t kLane = 8;

template <class T>
struct MaskPoints {
  std::vector<float> xy;                 // [2 P]
  std::vector<T> logit, target, weight;  // [P padded]
  std::vector<T> bce_slope, dice_slope;  // [P padded]: derivatives by the logit, without the divisors that all points share

  explicit MaskPoints(std::size_t count)
      : xy(2 * count),
        logit(padded(count)),
        target(padded(count)),
        weight(padded(count)),
        bce_slope(padded(count)),
        dice_slope(padded(count)) {}
  static std::size_t padded(std::size_t count) { return (count + kLane - 1) / kLane * kLane; }
};

// Sums over the points of a mask.
struct MaskSums {
  double bce = 0, overlap = 0, sigmoids = 0, targets = 0, weights = 0;
};

// Adds up blocks of points in the type of the logits, lane by lane, and the blocks in double.
template <class T>
[[gnu::always_inline]] inline MaskSums sums_of(MaskPoints<T>& at) {
  constexpr std::size_t kBlock = 64 * kWidth<T>;  // 1 + e <= 2, so the product of 64 of them is far from overflow
  MaskSums sums;
  const std::size_t count = at.logit.size();
  for (std::size_t block = 0; block < count; block += kBlock) {
    Values<T> linear{}, overlap{}, sigmoids{}, targets{}, weights{}, product = Values<T>{} + 1;
    for (std::size_t i = block; i < std::min(count, block + kBlock); i += kWidth<T>) {
      const Values<T> x = load(&at.logit[i]), t = load(&at.target[i]), w = load(&at.weight[i]);
      const Values<T> e = exp_of_negative(-magnitude<T>(x));
      const Values<T> s = sigmoid_of<T>(x, e);
      linear += w * (positive_part<T>(x) - x * t);
      product *= 1 + w * e;  // w is 0 or 1
      overlap += w * s * t;
      sigmoids += w * s;
      targets += w * t;
      weights += w;
      store(&at.bce_slope[i], w * (s - t));
      store(&at.dice_slope[i], w * e / ((1 + e) * (1 + e)));  // s (1 - s)
    }
    for (std::size_t lane = 0; lane < kWidth<T>; ++lane) {
      sums.bce += static_cast<double>(linear[lane]) + std::log(static_cast<double>(product[lane]));
      sums.overlap += static_cast<double>(overlap[lane]);
      sums.sigmoids += static_cast<double>(sigmoids[lane]);
      sums.targets += static_cast<double>(targets[lane]);
      sums.weights += static_cast<double>(weights[lane]);
    }
  }
  return sums;
}
MUSTER_WIDE_VECTORS MaskSums sums_at(MaskPoints<float>& at) {
  return sums_of(at);
}
MaskSums sums_at(MaskPoints<double>& at) {
  return sums_of(at);
}

template <class T>
void sample_all(const BorderedMap<T>& map, std::span<const float> xy, std::span<T> values) {
  for (std::size_t p = 0; p < values.size(); ++p) {
    values[p] = sample(map, neighbours<T>(map, xy[2 * p], xy[2 * p + 1]));
  }
}

// Draws a mask's points and reads logits, target and weight at them.
template <class T>
MaskPoints<T> choose_points(const BorderedMap<T>& logits, const BorderedMap<std::int32_t>& segments, const MatchedMask& mask,
                            const MaskLossOptions& options, bool excludes_void, int layer, const PointSource& source) {
  const auto candidates = static_cast<std::size_t>(options.candidate_points());
  const auto uncertain = static_cast<std::size_t>(options.uncertain_points());
  const auto count = static_cast<std::size_t>(options.num_points);
  std::vector<float> drawn(2 * (candidates + count - uncertain));
  source.loss_points(layer, mask.image, mask.mask, drawn);

  std::vector<T> logit(candidates);
  sample_all<T>(logits, std::span(drawn).first(2 * candidates), logit);
  std::vector<T> doubt = logit;
  if (excludes_void) {
    for (std::size_t p = 0; p < candidates; ++p) {
      if (segments_at<T>(segments, drawn[2 * p], drawn[2 * p + 1]).touches_void) {
        doubt[p] = std::numeric_limits<T>::infinity();  // chosen last
      }
    }
  }
  MaskPoints<T> at(count);
  const std::vector<std::uint32_t> chosen = nearest_to_zero<T>(doubt, uncertain);
  for (std::size_t p = 0; p < uncertain; ++p) {
    at.xy[2 * p] = drawn[2 * std::size_t{chosen[p]}];
    at.xy[2 * p + 1] = drawn[2 * std::size_t{chosen[p]} + 1];
    at.logit[p] = logit[chosen[p]];
  }
  std::copy(drawn.begin() + static_cast<std::ptrdiff_t>(2 * candidates), drawn.end(),
            at.xy.begin() + static_cast<std::ptrdiff_t>(2 * uncertain));
  sample_all<T>(logits, std::span<const float>(at.xy).subspan(2 * uncertain), std::span(at.logit).subspan(uncertain, count - uncertain));

  for (std::size_t p = 0; p < count; ++p) {
    const auto found = segments_at<T>(segments, at.xy[2 * p], at.xy[2 * p + 1]);
    at.weight[p] = excludes_void && found.touches_void ? T{0} : T{1};
    for (int i = 0; i < found.count; ++i) {
      if (found.segment[i] == mask.mask) {
        at.target[p] = found.weight[i];
      }
    }
  }
  return at;
}

// Adds value times the share of each neighbour to a bordered map; what falls into the border is dropped with it.
template <class T>
void spread(BorderedMap<T>& map, const Neighbours<T>& at, T value) {
  T* upper = map.cells.data() + at.cell;
  T* lower = upper + map.stride();
  const T below = value * at.down, above = value - below;
  upper[0] += above * (1 - at.right);
  upper[1] += above * at.right;
  lower[0] += below * (1 - at.right);
  lower[1] += below * at.right;
}

template <class T>
void copy_without_border(const BorderedMap<T>& map, T* to) {
  for (int row = 0; row < map.rows; ++row, to += map.columns) {
    std::copy_n(map.cells.data() + map.cell(row, 0), map.columns, to);
  }
}

// bce and dice of one mask. `slopes` receives d bce / d logits and d dice / d logits, [2][h][w], unless it is null.
template <class T>
std::array<double, 2> mask_losses(const T* logits, int rows, int columns, const MatchedMask& mask,
                                  const BorderedMap<std::int32_t>& segments, const MaskLossOptions& options, bool excludes_void, int layer,
                                  const PointSource& source, T* slopes) {
  const BorderedMap<T> map = with_border(logits, rows, columns, T{0});
  MaskPoints<T> at = choose_points(map, segments, mask, options, excludes_void, layer, source);
  const MaskSums sums = sums_at(at);
  const double count = std::max(1.0, sums.weights);
  const double top = 2 * sums.overlap + 1, bottom = sums.sigmoids + sums.targets + 1;
  if (slopes != nullptr) {
    // d dice / d x = s (1 - s) (top / bottom^2 - 2 t / bottom)
    const T share = static_cast<T>(1 / count), flat = static_cast<T>(top / (bottom * bottom)), steep = static_cast<T>(2 / bottom);
    BorderedMap<T> bce(rows, columns, T{0}), dice(rows, columns, T{0});
    for (std::size_t p = 0; p < at.xy.size() / 2; ++p) {
      const Neighbours<T> around = neighbours<T>(map, at.xy[2 * p], at.xy[2 * p + 1]);
      spread(bce, around, at.bce_slope[p] * share);
      spread(dice, around, at.dice_slope[p] * (flat - steep * at.target[p]));
    }
    copy_without_border(bce, slopes);
    copy_without_border(dice, slopes + std::ptrdiff_t{rows} * columns);
  }
  return {sums.bce / count, 1 - top / bottom};
}

// Everything about one call that is no tensor.
struct Work {
  const MaskTargets& targets;
  const Matching& matching;
  const MaskLossOptions& options;
  bool excludes_void;
  int layer;
  const PointSource& source;
};

template <class T>
at::Tensor losses_of(const at::Tensor& logits_BQhw, const std::vector<MatchedMask>& masks, const Work& work, T* slopes) {
  const auto rows = static_cast<int>(logits_BQhw.size(2)), columns = static_cast<int>(logits_BQhw.size(3));
  const std::int64_t plane = std::int64_t{rows} * columns;
  const T* logits = logits_BQhw.const_data_ptr<T>();
  std::vector<std::array<double, 2>> losses(masks.size());
  parallel_items(masks.size(), [&](std::size_t n) {
    const MatchedMask& mask = masks[n];
    const std::int64_t query = static_cast<std::int64_t>(mask.image) * logits_BQhw.size(1) + mask.query;
    losses[n] =
        mask_losses<T>(logits + query * plane, rows, columns, mask, work.targets[mask.image].segments, work.options, work.excludes_void,
                       work.layer, work.source, slopes == nullptr ? nullptr : slopes + static_cast<std::int64_t>(n) * 2 * plane);
  });
  double bce = 0, dice = 0;
  for (const auto& loss : losses) {
    bce += loss[0];
    dice += loss[1];
  }
  return at::tensor({bce, dice}, at::TensorOptions().dtype(at::kDouble)).to(logits_BQhw.scalar_type());
}

// Gradients are made together with the losses and kept, two maps per matched mask: far less than points or logits.
class PointLosses : public torch::autograd::Function<PointLosses> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* ctx, const at::Tensor& mask_logits_BQhw, const Work* work) {
    const at::Tensor logits = mask_logits_BQhw.contiguous();
    const std::vector<MatchedMask> masks = matched_masks(work->matching);
    std::vector<std::int64_t> rows;
    for (const MatchedMask& mask : masks) {
      rows.push_back(static_cast<std::int64_t>(mask.image) * logits.size(1) + mask.query);
    }
    const bool wants_slopes = mask_logits_BQhw.requires_grad();
    const auto n = static_cast<std::int64_t>(wants_slopes ? masks.size() : 0);
    at::Tensor slopes = at::empty({n, 2, logits.size(2), logits.size(3)}, logits.options().requires_grad(false));
    ctx->saved_data["slopes"] = slopes;
    ctx->saved_data["rows"] = at::tensor(rows, at::TensorOptions().dtype(at::kLong));
    ctx->saved_data["sizes"] = logits.sizes().vec();
    if (logits.scalar_type() == at::kDouble) {
      return losses_of<double>(logits, masks, *work, wants_slopes ? slopes.mutable_data_ptr<double>() : nullptr);
    }
    return losses_of<float>(logits, masks, *work, wants_slopes ? slopes.mutable_data_ptr<float>() : nullptr);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* ctx, const torch::autograd::variable_list& gradients) {
    const at::Tensor slopes = ctx->saved_data["slopes"].toTensor();  // [N, 2, h, w]
    const std::vector<std::int64_t> sizes = ctx->saved_data["sizes"].toIntVector();
    at::Tensor result = at::zeros({sizes[0] * sizes[1], sizes[2], sizes[3]}, slopes.options());
    // Each matched query has one mask, so that no row is written twice.
    result.index_copy_(0, ctx->saved_data["rows"].toTensor(), (slopes * gradients[0].view({1, 2, 1, 1})).sum(1));
    return {result.view(sizes), at::Tensor()};
  }
};

}  // namespace

at::Tensor point_losses(const at::Tensor& mask_logits_BQhw, const MaskTargets& targets, const Matching& matching,
                        const MaskLossOptions& options, bool excludes_void, int layer, const PointSource& points) {
  check(mask_logits_BQhw.dim() == 4 && mask_logits_BQhw.size(0) == static_cast<std::int64_t>(targets.size()) &&
            matching.query_of_mask.size() == targets.size(),
        "point_losses: logits with {} axes, targets of {} images, matching of {}", mask_logits_BQhw.dim(), targets.size(),
        matching.query_of_mask.size());
  const Work work{targets, matching, options, excludes_void, layer, points};
  return PointLosses::apply(mask_logits_BQhw, &work);
}

}  // namespace muster::model
