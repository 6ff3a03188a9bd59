// Small random predictions and targets, and the mask loss written down a second time: dense masks, torch's grid_sample,
// one formula after the other, everything in fp64.
#pragma once

#include <cmath>
#include <map>
#include <vector>

#include <ATen/ATen.h>

#include "core/random.hpp"
#include "model/mask_loss.hpp"

namespace muster::model {

// B images, Q queries, K classes, h by w logits, H by W targets
struct Sizes {
  std::int64_t B = 3, Q = 6, K = 5, h = 7, w = 9, H = 28, W = 36;
};

inline at::Tensor random_tensor(std::vector<std::int64_t> shape, std::uint32_t site, double scale = 2.0) {
  at::Tensor result = at::empty(shape, at::kDouble);
  const RandomSequence random(3, RandomStream::kInit, site, 0, 0);
  for (std::int64_t i = 0; i < result.numel(); ++i) {
    result.mutable_data_ptr<double>()[i] = scale * random.normal(static_cast<std::uint64_t>(i));
  }
  return result;
}

// Rectangles of random classes on class 0, some of them void.
inline at::Tensor random_targets(const Sizes& s, std::uint32_t site, bool with_void) {
  at::Tensor result = at::zeros({s.B, s.H, s.W}, at::kInt);
  const RandomSequence random(3, RandomStream::kInit, site, 1, 0);
  std::uint64_t draw = 0;
  const auto pick = [&](std::int64_t n) { return static_cast<std::int64_t>(random.uniform(draw++) * static_cast<double>(n)); };
  for (std::int64_t image = 0; image < s.B; ++image) {
    for (int rectangle = 0; rectangle < 6; ++rectangle) {
      const std::int64_t top = pick(s.H), left = pick(s.W);
      const std::int64_t value = with_void && rectangle == 5 ? -1 : pick(s.K);
      result[image].slice(0, top, top + s.H / 3).slice(1, left, left + s.W / 3).fill_(value);
    }
  }
  return result;
}

inline PassKey key_of(std::int64_t images) {
  PassKey key{.seed = 5, .step = 7, .training = true, .sample_ids = {}};
  for (std::int64_t i = 0; i < images; ++i) {
    key.sample_ids.push_back(static_cast<std::uint32_t>(100 + i));
  }
  return key;
}

// map [N,h,w] at points [P,2] (x, y): [N,P]
inline at::Tensor grid_sampled(const at::Tensor& map_Nhw, const at::Tensor& points_P2) {
  return at::grid_sampler(map_Nhw.unsqueeze(0), (2 * points_P2 - 1).view({1, 1, -1, 2}), 0, 0, false).squeeze(2).squeeze(0);
}

inline at::Tensor drawn(const PointSource& source, int layer, std::size_t image, int mask, std::int64_t count) {
  std::vector<float> xy(static_cast<std::size_t>(2 * count));
  mask < 0 ? source.matcher_points(layer, image, xy) : source.loss_points(layer, image, mask, xy);
  return at::tensor(xy).view({-1, 2}).to(at::kDouble);
}

// What the targets of one image come to when masks are dense.
struct DenseMasks {
  at::Tensor masks_MHW;  // 0 or 1, fp64
  at::Tensor void_HW;    // 1 = void
  std::vector<std::int64_t> labels;
};

inline DenseMasks dense_masks(const at::Tensor& targets_HW, std::int64_t classes) {
  DenseMasks result{.masks_MHW = {}, .void_HW = (targets_HW == -1).to(at::kDouble), .labels = {}};
  std::vector<at::Tensor> masks;
  for (std::int64_t label = 0; label < classes; ++label) {
    const at::Tensor mask = (targets_HW == label).to(at::kDouble);
    if (mask.sum().item<double>() > 0) {
      masks.push_back(mask);
      result.labels.push_back(label);
    }
  }
  result.masks_MHW = masks.empty() ? at::zeros({0, targets_HW.size(0), targets_HW.size(1)}, at::kDouble) : at::stack(masks);
  return result;
}

inline at::Tensor naive_bce(const at::Tensor& x, const at::Tensor& t) {
  const at::Tensor s = at::sigmoid(x);
  return -(t * at::log(s) + (1 - t) * at::log(1 - s));
}

// 1 where no pixel around the point is void
inline at::Tensor naive_weight(const DenseMasks& image, const at::Tensor& points, bool excludes_void) {
  if (!excludes_void) {
    return at::ones({points.size(0)}, at::kDouble);
  }
  return (grid_sampled(image.void_HW.unsqueeze(0), points)[0] <= 0).to(at::kDouble);
}

// cost [M,Q]
inline at::Tensor naive_cost(const at::Tensor& mask_logits_Qhw, const at::Tensor& class_logits_QK, const DenseMasks& image,
                             const at::Tensor& points, const MaskLossOptions& o, bool excludes_void) {
  const at::Tensor x = grid_sampled(mask_logits_Qhw, points), t = grid_sampled(image.masks_MHW, points);
  const at::Tensor w = naive_weight(image, points, excludes_void);
  const at::Tensor probability = at::softmax(class_logits_QK, -1);
  const auto M = static_cast<std::int64_t>(image.labels.size());
  at::Tensor cost = at::zeros({M, x.size(0)}, at::kDouble);
  for (std::int64_t m = 0; m < M; ++m) {
    for (std::int64_t q = 0; q < x.size(0); ++q) {
      const at::Tensor s = at::sigmoid(x[q]);
      const at::Tensor bce = (w * naive_bce(x[q], t[m])).sum() / std::max(1.0, w.sum().item<double>());
      const at::Tensor dice = 1 - (2 * (w * s * t[m]).sum() + 1) / ((w * s).sum() + (w * t[m]).sum() + 1);
      cost[m][q] = o.mask_coefficient * bce + o.dice_coefficient * dice -
                   o.class_coefficient * probability[q][image.labels[static_cast<std::size_t>(m)]];
    }
  }
  return cost;
}

// {bce, dice} of one mask and its query, differentiable by the logits [h,w]
inline std::pair<at::Tensor, at::Tensor> naive_mask_losses(const at::Tensor& logits_hw, const DenseMasks& image, std::int64_t m,
                                                           const at::Tensor& points, const MaskLossOptions& o, bool excludes_void) {
  const at::Tensor candidates = points.slice(0, 0, o.candidate_points()), fresh = points.slice(0, o.candidate_points());
  at::Tensor doubt = grid_sampled(logits_hw.detach().unsqueeze(0), candidates)[0].abs();
  doubt = at::where(naive_weight(image, candidates, excludes_void) > 0, doubt, at::full_like(doubt, INFINITY));
  const at::Tensor order = std::get<1>(doubt.sort(/*stable=*/true, /*dim=*/0, /*descending=*/false));
  const at::Tensor chosen = at::cat({candidates.index_select(0, order.slice(0, 0, o.uncertain_points())), fresh});
  const at::Tensor x = grid_sampled(logits_hw.unsqueeze(0), chosen)[0], t = grid_sampled(image.masks_MHW[m].unsqueeze(0), chosen)[0];
  const at::Tensor w = naive_weight(image, chosen, excludes_void), s = at::sigmoid(x);
  return {(w * naive_bce(x, t)).sum() / std::max(1.0, w.sum().item<double>()),
          1 - (2 * (w * s * t).sum() + 1) / ((w * s).sum() + (w * t).sum() + 1)};
}

}  // namespace muster::model
