// A backbone small enough for finite differences in double, and what tests do with it.
#pragma once

#include <cstdint>
#include <string>

#include <ATen/ATen.h>

#include "core/random.hpp"
#include "model/block.hpp"
#include "model/model_table.hpp"

namespace muster::model {

inline BackboneRow tiny_backbone(FeedForward feed_forward = FeedForward::kMlp) {
  return {.name = "dinov3/tiny",
          .dim = 16,
          .depth = 3,
          .heads = 2,
          .feed_forward = feed_forward,
          .hidden = 24,
          .joint_blocks = 2,
          .weights_file = "none.pth",
          .patch = 4,
          .storage_tokens = 2};
}

// DINOv2: learned positions of a 5 x 5 grid, a live qkv bias.
inline BackboneRow tiny_dinov2(int registers, FeedForward feed_forward = FeedForward::kMlp) {
  BackboneRow row = tiny_backbone(feed_forward);
  row.name = "dinov2/tiny";
  row.storage_tokens = registers;
  row.norm_eps = 1e-6;
  row.family = Family::kDinov2;
  row.position_rows = row.position_columns = 5;
  return row;
}

// Standard normal values that depend on `name` alone; never from LibTorch's generators.
inline at::Tensor random_tensor(const std::string& name, at::IntArrayRef shape, at::ScalarType type = at::kDouble) {
  at::Tensor values = at::empty(shape, at::kDouble);
  const RandomSequence random = RandomSequence::for_parameter(7, name);
  for (std::int64_t i = 0; i < values.numel(); ++i) {
    values.data_ptr<double>()[i] = random.normal(static_cast<std::uint64_t>(i));
  }
  return values.to(type);
}

inline double max_difference(const at::Tensor& a, const at::Tensor& b) {
  return (a.detach().to(at::kDouble) - b.detach().to(at::kDouble)).abs().max().item<double>();
}

inline PassKey training_key(std::int64_t batch, std::int64_t step = 3) {
  PassKey key{.seed = 5, .step = step, .training = true, .sample_ids = {}};
  for (std::int64_t i = 0; i < batch; ++i) {
    key.sample_ids.push_back(static_cast<std::uint32_t>(10 + i));
  }
  return key;
}

}  // namespace muster::model
