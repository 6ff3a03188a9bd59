#include "model/vit.hpp"

#include <limits>

#include <ATen/ops/cat.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <ATen/ops/zeros.h>

#include "core/error.hpp"
#include "model/gelu_linear.hpp"
#include "model/initialisation.hpp"
#include "model/layers.hpp"
#include "model/rope.hpp"
#include "model/scaled_residual.hpp"

namespace muster::model {
namespace {

constexpr Init kZero{Init::Kind::kConstant, 0};
constexpr Init kOne{Init::Kind::kConstant, 1};
// Published as a truncated normal with bounds -2 and 2: a hundred standard deviations, so nothing is cut.
constexpr Init kSmallNormal{Init::Kind::kNormal, 0.02};
constexpr Init kTinyNormal{Init::Kind::kNormal, 1e-6};  // DINOv2's class token and registers

// [B, Q, P] bool over the first Q rows and last P columns -> additive [B, 1, N, N], -inf where attention is forbidden
at::Tensor additive_mask(const at::Tensor& mask, std::int64_t tokens, const at::TensorOptions& options) {
  const std::int64_t patches = mask.size(2);
  at::Tensor bias = at::zeros({mask.size(0), 1, tokens, tokens}, options);
  bias.narrow(2, 0, mask.size(1))
      .narrow(3, tokens - patches, patches)
      .masked_fill_(mask.unsqueeze(1).logical_not(), -std::numeric_limits<double>::infinity());
  return bias;
}

}  // namespace

StemBlock::StemBlock(const BackboneRow& row, bool trainable, PositionResize positions) : row_(row), positions_(positions) {
  const bool dinov2 = row.family == Family::kDinov2;
  const std::int64_t dim = row.dim, patch = row.patch, channels = row.channels;
  const Init patch_init = default_init(channels * patch * patch);
  const Init token_init = dinov2 ? kTinyNormal : kSmallNormal;
  unit_.name = "stem";
  const auto tokens = [&](const char* name, std::vector<std::int64_t> shape, bool learns) -> ParameterInfo {
    return {.name = std::string("backbone.") + name, .shape = std::move(shape), .trainable = learns, .vector = true};
  };
  cls_ = unit_.add(tokens("cls_token", {1, 1, dim}, trainable), token_init);
  if (row.learned_position()) {
    position_ = unit_.add(tokens("pos_embed", {1, row.position_entries(), dim}, trainable), kSmallNormal);
  }
  if (row.storage_tokens > 0) {
    storage_ = unit_.add(tokens(dinov2 ? "register_tokens" : "storage_tokens", {1, row.storage_tokens, dim}, trainable), token_init);
  }
  unit_.add(tokens("mask_token", {1, dim}, false), kZero);  // of masked pretraining; kept for the files, used by no pass
  weight_ =
      unit_.add({.name = "backbone.patch_embed.proj.weight", .shape = {dim, channels, patch, patch}, .trainable = trainable}, patch_init);
  bias_ = unit_.add({.name = "backbone.patch_embed.proj.bias", .shape = {dim}, .trainable = trainable}, patch_init);
}

TensorList StemBlock::forward(const TensorList& params, const TensorList& inputs, const BlockContext&, const PassKey&) const {
  const at::Tensor& images = inputs[0];
  const at::Tensor& weight = params[weight_];
  const std::int64_t batch = images.size(0), channels = images.size(1), dim = weight.size(0), patch = weight.size(2);
  const std::int64_t rows = images.size(2) / patch, columns = images.size(3) / patch;
  // A convolution whose stride is its kernel is one matrix product over unfolded patches.
  const at::Tensor pixels = images.narrow(2, 0, rows * patch)
                                .narrow(3, 0, columns * patch)
                                .reshape({batch, channels, rows, patch, columns, patch})
                                .permute({0, 2, 4, 1, 3, 5})
                                .reshape({batch, rows * columns, channels * patch * patch});
  at::Tensor cls = params[cls_];
  at::Tensor patches = linear(pixels, weight.view({dim, -1}), params[bias_]).to(cls.scalar_type());
  if (row_.learned_position()) {
    const at::Tensor position = position_at_grid(params[position_], row_, positions_, rows, columns);
    const std::int64_t first = position.size(1) - rows * columns;
    patches.add_(position.narrow(1, first, rows * columns));
    if (first > 0) {
      cls = cls + position.narrow(1, 0, first);
    }
  }
  TensorList tokens{cls.expand({batch, -1, -1})};
  if (row_.storage_tokens > 0) {
    tokens.push_back(params[storage_].expand({batch, -1, -1}));
  }
  tokens.push_back(patches);
  return {at::cat(tokens, 1)};
}

TransformerBlock::TransformerBlock(const BackboneRow& row, int index, double layerscale_init, bool trainable) : row_(row) {
  const std::int64_t dim = row.dim, hidden = row.hidden;
  unit_.name = "blocks." + std::to_string(index);
  const auto add = [&](const std::string& name, std::vector<std::int64_t> shape, Init init) {
    return unit_.add({.name = "backbone." + unit_.name + "." + name, .shape = std::move(shape), .trainable = trainable}, init);
  };
  const auto add_linear = [&](const std::string& name, std::int64_t out, std::int64_t in) {
    const std::size_t place = add(name + ".weight", {out, in}, kSmallNormal);
    add(name + ".bias", {out}, kZero);
    return place;
  };
  norm1_ = add("norm1.weight", {dim}, kOne);
  add("norm1.bias", {dim}, kZero);
  qkv_ = add("attn.qkv.weight", {3 * dim, dim}, kSmallNormal);
  if (row.qkv_bias) {
    qkv_bias_ = add("attn.qkv.bias", {3 * dim}, kZero);
  }
  proj_ = add_linear("attn.proj", dim, dim);
  gamma1_ = add("ls1.gamma", {dim}, {Init::Kind::kConstant, layerscale_init});
  norm2_ = add("norm2.weight", {dim}, kOne);
  add("norm2.bias", {dim}, kZero);
  switch (row.feed_forward) {
    case FeedForward::kMlp:
      ffn_ = add_linear("mlp.fc1", hidden, dim);
      ffn_end_ = add_linear("mlp.fc2", dim, hidden);
      break;
    case FeedForward::kSwiglu:
      ffn_ = add_linear("mlp.w1", hidden, dim);
      add_linear("mlp.w2", hidden, dim);
      ffn_end_ = add_linear("mlp.w3", dim, hidden);
      break;
    case FeedForward::kPackedSwiglu:
      ffn_ = add_linear("mlp.w12", 2 * hidden, dim);
      ffn_end_ = add_linear("mlp.w3", dim, hidden);
      break;
  }
  gamma2_ = add("ls2.gamma", {dim}, {Init::Kind::kConstant, layerscale_init});
}

TensorList TransformerBlock::forward(const TensorList& params, const TensorList& inputs, const BlockContext& context,
                                     const PassKey&) const {
  const auto normed = [&](const at::Tensor& x, std::size_t norm) { return layer_norm(x, params[norm], params[norm + 1], row_.norm_eps); };
  const auto add = [&](const at::Tensor& x, Residual use, const at::Tensor& branch, std::size_t last, std::size_t gamma) {
    return add_scaled_linear(x, use, branch, params[last], params[last + 1], params[gamma]);
  };
  const at::Tensor& tokens = inputs[0];
  const at::Tensor middle = add(tokens, Residual::kKept, attention(params, normed(tokens, norm1_), context), proj_, gamma1_);
  return {add(middle, Residual::kReused, feed_forward(params, normed(middle, norm2_)), ffn_end_, gamma2_)};
}

at::Tensor TransformerBlock::attention(const TensorList& params, const at::Tensor& x, const BlockContext& context) const {
  const std::int64_t batch = x.size(0), tokens = x.size(1), dim = row_.dim;
  at::Tensor bias;
  if (row_.qkv_bias) {
    bias = row_.key_bias_mask() ? params[qkv_bias_] * context.buffers.at(0) : params[qkv_bias_];
  }
  const QkvHeads parts = project_heads(x, params[qkv_], bias, row_.heads, context.rope_cos, context.rope_sin);
  std::optional<at::Tensor> mask;
  if (context.attention_mask.defined()) {
    mask = additive_mask(context.attention_mask, tokens, parts.q.options());
  }
  const at::Tensor mixed = at::scaled_dot_product_attention(parts.q, parts.k, parts.v, mask);
  return mixed.transpose(1, 2).reshape({batch, tokens, dim});
}

at::Tensor TransformerBlock::feed_forward(const TensorList& params, const at::Tensor& x) const {
  const auto layer = [&](const at::Tensor& input, std::size_t i) { return linear(input, params[ffn_ + 2 * i], params[ffn_ + 2 * i + 1]); };
  switch (row_.feed_forward) {
    case FeedForward::kMlp:
      return gelu_linear(x, params[ffn_], params[ffn_ + 1]);
    case FeedForward::kSwiglu:
      return gated(layer(x, 0), layer(x, 1));
    case FeedForward::kPackedSwiglu: {
      const at::Tensor both = layer(x, 0);
      return gated(both.narrow(2, 0, row_.hidden), both.narrow(2, row_.hidden, row_.hidden));
    }
  }
  throw InvariantError("a feed-forward of kind {}", static_cast<int>(row_.feed_forward));
}

}  // namespace muster::model
