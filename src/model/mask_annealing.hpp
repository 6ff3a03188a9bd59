// When the masks of the joint blocks' attention vanish, and which (image, query) pairs still have theirs.
#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include "model/block.hpp"
#include "model/eomt_options.hpp"

namespace muster::model {

// Steps [start, end) over which the masks of one joint block are taken away.
struct AnnealWindow {
  std::int64_t start = 0;
  std::int64_t end = 0;
};

// One window per joint block: the recipe's, else LightlyTrain's: `total_steps` in K + 2 equal phases, block k in phase k + 1
// (bounds rounded half to even). Throws ConfigError when the recipe's lists do not have one entry per joint block.
std::vector<AnnealWindow> anneal_windows(const EomtOptions& options, int joint_blocks, std::int64_t total_steps);

// Probability that a query keeps its mask: 1 before the window, (1 - (step - start) / (end - start))^0.9 in it, 0 from its end.
double mask_probability(const AnnealWindow& window, std::int64_t step);
std::vector<double> mask_probabilities(const std::vector<AnnealWindow>& windows, std::int64_t step);

// [B, Q] bool: true where uniform(key, block, image, query) <= probability. B = key.sample_ids.size(). On the CPU.
at::Tensor draw_kept_masks(const PassKey& key, std::int64_t block, int num_queries, double probability);

// The patches that each query may see: bilinear(mask logits [B, Q, h, w] -> grid, no antialias) > 0 as [B, Q, P] bool, all true
// for the queries that `kept` [B, Q] (undefined = all) leaves out. No gradient. Queries see all queries and the class and
// storage tokens anyway, so no row of the attention is empty.
at::Tensor attention_mask(const at::Tensor& mask_logits, const at::Tensor& kept, std::int64_t grid_height, std::int64_t grid_width);

}  // namespace muster::model
