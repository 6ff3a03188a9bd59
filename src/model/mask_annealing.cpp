#include "model/mask_annealing.hpp"

#include <cmath>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/upsample_bilinear2d.h>

#include "core/error.hpp"
#include "core/random.hpp"

namespace muster::model {

std::vector<AnnealWindow> anneal_windows(const EomtOptions& options, int joint_blocks, std::int64_t total_steps) {
  std::vector<AnnealWindow> windows;
  const auto& start = options.attn_mask_annealing_steps_start;
  const auto& end = options.attn_mask_annealing_steps_end;
  if (!start.empty() || !end.empty()) {
    const auto count = static_cast<std::size_t>(joint_blocks);
    if (start.size() != count || end.size() != count) {
      throw ConfigError("model_args.attn_mask_annealing_steps_start and _end have {} and {} entries; wanted one per joint block: {}",
                        start.size(), end.size(), joint_blocks);
    }
    for (std::size_t k = 0; k < count; ++k) {
      windows.push_back({.start = start[k], .end = end[k]});
    }
    return windows;
  }
  const auto bound = [&](int phase) {  // nearbyint rounds half to even, as Python's round
    return static_cast<std::int64_t>(std::nearbyint(static_cast<double>(phase) * static_cast<double>(total_steps) / (joint_blocks + 2)));
  };
  for (int k = 0; k < joint_blocks; ++k) {
    windows.push_back({.start = bound(k + 1), .end = bound(k + 2)});
  }
  return windows;
}

double mask_probability(const AnnealWindow& window, std::int64_t step) {
  if (step < window.start) {
    return 1;
  }
  if (step >= window.end) {
    return 0;
  }
  const double done = static_cast<double>(step - window.start) / static_cast<double>(window.end - window.start);
  return std::pow(1 - done, 0.9);
}

std::vector<double> mask_probabilities(const std::vector<AnnealWindow>& windows, std::int64_t step) {
  std::vector<double> probabilities;
  for (const AnnealWindow& window : windows) {
    probabilities.push_back(mask_probability(window, step));
  }
  return probabilities;
}

at::Tensor draw_kept_masks(const PassKey& key, std::int64_t block, int num_queries, double probability) {
  const auto batch = static_cast<std::int64_t>(key.sample_ids.size());
  at::Tensor kept = at::empty({batch, num_queries}, at::kBool);
  bool* value = kept.mutable_data_ptr<bool>();
  for (const std::uint32_t sample : key.sample_ids) {
    const RandomSequence random(key.seed, RandomStream::kMaskAnneal, static_cast<std::uint32_t>(block), sample,
                                static_cast<std::uint32_t>(key.step));
    for (int query = 0; query < num_queries; ++query) {
      *value++ = random.uniform(static_cast<std::uint64_t>(query)) <= probability;
    }
  }
  return kept;
}

at::Tensor attention_mask(const at::Tensor& mask_logits, const at::Tensor& kept, std::int64_t grid_height, std::int64_t grid_width) {
  const at::NoGradGuard no_grad;
  const at::Tensor coarse = at::upsample_bilinear2d(mask_logits.detach(), {grid_height, grid_width}, /*align_corners=*/false);
  at::Tensor mask = coarse.gt(0).flatten(2);  // [B, Q, P]
  if (kept.defined()) {
    mask.logical_or_(kept.to(mask.device()).logical_not().unsqueeze(2));
  }
  return mask;
}

}  // namespace muster::model
