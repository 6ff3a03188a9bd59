#include "model/eomt_head.hpp"

#include <ATen/ops/cat.h>

#include "core/error.hpp"
#include "model/initialisation.hpp"
#include "model/layers.hpp"
#include "model/mask_product.hpp"
#include "model/upscale.hpp"

namespace muster::model {
namespace {

constexpr int kUpscaleParameters = 5;  // per doubling

}  // namespace

HeadUnit::HeadUnit(const HeadShape& head_shape) : shape(head_shape) {
  const std::int64_t dim = shape.dim;
  constexpr Init kZero{Init::Kind::kConstant, 0}, kOne{Init::Kind::kConstant, 1};
  spec.name = "head";
  const auto add = [&](const std::string& name, std::vector<std::int64_t> extents, Init init) {
    return spec.add({.name = name, .shape = std::move(extents)}, init);
  };
  const auto add_linear = [&](const std::string& name, std::int64_t out) {
    const std::size_t place = add(name + ".weight", {out, dim}, default_init(dim));
    add(name + ".bias", {out}, default_init(dim));
    return place;
  };
  norm = add("backbone.norm.weight", {dim}, kOne);
  add("backbone.norm.bias", {dim}, kZero);
  if (shape.num_queries == 0) {
    return;
  }
  queries = spec.add({.name = "queries.weight", .shape = {shape.num_queries, dim}, .vector = true}, {Init::Kind::kNormal, 1});
  class_head = add_linear("class_head", shape.num_classes + 1);
  mask_head = add_linear("mask_head.0", dim);
  add_linear("mask_head.2", dim);  // 1 and 3 are the GELUs between
  add_linear("mask_head.4", dim);
  upscale = spec.parameters.size();
  for (int i = 0; i < shape.upscale_blocks; ++i) {
    const std::string name = "upscale." + std::to_string(i) + ".";
    add(name + "conv1.weight", {dim, dim, 2, 2}, default_init(4 * dim));  // PyTorch counts a transposed convolution's outputs
    add(name + "conv1.bias", {dim}, default_init(4 * dim));
    add(name + "conv2.weight", {dim, 1, 3, 3}, default_init(9));
    add(name + "norm.weight", {dim}, kOne);
    add(name + "norm.bias", {dim}, kZero);
  }
}

TensorList FinalNormBlock::forward(const TensorList& params, const TensorList& inputs, const BlockContext&, const PassKey&) const {
  return {layer_norm(inputs[0], params[head_->norm], params[head_->norm + 1], head_->shape.norm_eps)};
}

TensorList QueryBlock::forward(const TensorList& params, const TensorList& inputs, const BlockContext&, const PassKey&) const {
  const at::Tensor& tokens = inputs[0];
  const at::Tensor queries = params[head_->queries].to(tokens.scalar_type()).unsqueeze(0);
  return {at::cat({queries.expand({tokens.size(0), -1, -1}), tokens}, 1)};
}

TensorList PredictionBlock::forward(const TensorList& params, const TensorList& inputs, const BlockContext& context, const PassKey&) const {
  const HeadShape& shape = head_->shape;
  const at::Tensor& tokens = inputs[0];
  const std::int64_t batch = tokens.size(0), patches = context.patches();
  const auto normed = [&](const at::Tensor& x) { return layer_norm(x, params[head_->norm], params[head_->norm + 1], shape.norm_eps); };
  const auto mask_layer = [&](const at::Tensor& x, std::size_t i) {
    return linear(x, params[head_->mask_head + 2 * i], params[head_->mask_head + 2 * i + 1]);
  };
  // Queries, class and storage tokens, patches; one split, whose gradient is one concatenation.
  const TensorList parts = tokens.split_with_sizes({shape.num_queries, tokens.size(1) - shape.num_queries - patches, patches}, 1);
  const at::Tensor queries = normed(parts[0]);
  const at::Tensor class_logits = linear(queries, params[head_->class_head], params[head_->class_head + 1]);
  const at::Tensor kernels = mask_layer(activated(mask_layer(activated(mask_layer(queries, 0)), 1)), 2);  // [B, Q, D]

  at::Tensor map = normed(parts[2]).view({batch, context.grid_height, context.grid_width, shape.dim});
  for (int i = 0; i < shape.upscale_blocks; ++i) {
    const at::Tensor* p = params.data() + head_->upscale + static_cast<std::size_t>(kUpscaleParameters * i);
    map = upscale_block(map, {.conv1_weight = p[0], .conv1_bias = p[1], .conv2_weight = p[2], .norm_weight = p[3], .norm_bias = p[4]},
                        shape.upscale_eps);
  }
  const std::int64_t height = map.size(1), width = map.size(2);
  const at::Tensor pixels = map.view({batch, height * width, shape.dim}).to(kernels.scalar_type());
  const at::Tensor mask_logits = mask_product(kernels, pixels).view({batch, shape.num_queries, height, width});
  return {mask_logits, class_logits};
}

}  // namespace muster::model
