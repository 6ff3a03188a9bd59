#include "model/vit.hpp"

#include <cmath>

#include <gtest/gtest.h>

#include "gradient_check.hpp"
#include "model/initialisation.hpp"
#include "model/parameters.hpp"
#include "model/plain_runner.hpp"
#include "model/rope.hpp"
#include "tiny_model.hpp"

namespace muster::model {
namespace {

// A block with every parameter at random, so that no LayerScale or bias hides a fault.
struct RandomBlock {
  explicit RandomBlock(const BackboneRow& backbone = tiny_backbone(), at::ScalarType type = at::kDouble)
      : row(backbone), block(row, 0, 1, true), store(std::span(&block.unit(), 1), type) {
    const at::NoGradGuard no_grad;
    for (const std::string& name : store.names()) {
      at::Tensor tensor = store.tensor(name);
      tensor.copy_(random_tensor(name, tensor.sizes(), type) * 0.3);
    }
    context = {.grid_height = 2, .grid_width = 3, .rope_cos = {}, .rope_sin = {}, .attention_mask = {}, .buffers = {}};
    if (!row.learned_position()) {
      const RopeTable table = rope_table(rope_periods(row.head_dim(), type), 2, 3);
      context.rope_cos = table.cos;
      context.rope_sin = table.sin;
    }
    if (row.key_bias_mask()) {
      at::Tensor bias_mask = at::ones({3 * row.dim}, type);
      bias_mask.slice(0, row.dim, 2 * row.dim).zero_();
      context.buffers = {bias_mask};
    }
  }

  at::Tensor operator()(const at::Tensor& x) { return PlainRunner(store).run(block, {x}, context, {}).at(0); }
  at::Tensor param(const std::string& name) { return store.tensor("backbone.blocks.0." + name).detach(); }

  BackboneRow row;
  TransformerBlock block;
  ParameterStore store;
  BlockContext context;
};

at::Tensor naive_norm(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, double eps) {
  const at::Tensor centred = x - x.mean(-1, true);
  return centred / (centred.square().mean(-1, true) + eps).sqrt() * weight + bias;
}

// The block's formula with one loop per image, head, query and key.
at::Tensor naive_block(RandomBlock& b, const at::Tensor& x, std::int64_t prefix, const at::Tensor& mask) {
  const std::int64_t dim = b.row.dim, heads = b.row.heads, dh = dim / heads, half = dh / 2, tokens = x.size(1);
  const at::Tensor bias = b.param("attn.qkv.bias").clone();
  if (b.row.family == Family::kDinov3) {
    bias.slice(0, dim, 2 * dim).zero_();
  }
  const auto norm = [&](const at::Tensor& input, const std::string& name) {
    return naive_norm(input, b.param(name + ".weight"), b.param(name + ".bias"), b.row.family == Family::kDinov2 ? 1e-6 : 1e-5);
  };
  const at::Tensor qkv = at::matmul(norm(x, "norm1"), b.param("attn.qkv.weight").t()) + bias;
  const auto turned = [&](std::int64_t image, std::int64_t token, std::int64_t part, std::int64_t head) {
    const at::Tensor v = qkv[image][token].slice(0, (part * heads + head) * dh, (part * heads + head + 1) * dh);
    if (token < prefix || part == 2 || b.row.family == Family::kDinov2) {
      return v;
    }
    const at::Tensor lo = v.slice(0, 0, half), hi = v.slice(0, half, dh);
    const at::Tensor c = b.context.rope_cos[token - prefix], s = b.context.rope_sin[token - prefix];
    return at::cat({lo * c - hi * s, hi * c + lo * s});
  };
  at::Tensor mixed = at::zeros_like(x);
  for (std::int64_t image = 0; image < x.size(0); ++image) {
    for (std::int64_t head = 0; head < heads; ++head) {
      for (std::int64_t query = 0; query < tokens; ++query) {
        at::Tensor sum = at::zeros({dh}, at::kDouble);
        double total = 0;
        for (std::int64_t token = 0; token < tokens; ++token) {
          const bool blocked =
              mask.defined() && query < mask.size(1) && token >= prefix && !mask[image][query][token - prefix].item<bool>();
          if (!blocked) {
            const at::Tensor score =
                at::dot(turned(image, query, 0, head), turned(image, token, 1, head)) / std::sqrt(static_cast<double>(dh));
            const double weight = std::exp(score.item<double>());
            sum += weight * turned(image, token, 2, head);
            total += weight;
          }
        }
        mixed[image][query].slice(0, head * dh, (head + 1) * dh).copy_(sum / total);
      }
    }
  }
  const auto linear = [&](const at::Tensor& input, const std::string& name) {
    return at::matmul(input, b.param(name + ".weight").t()) + b.param(name + ".bias");
  };
  const at::Tensor middle = x + b.param("ls1.gamma") * linear(mixed, "attn.proj");
  const at::Tensor normed = norm(middle, "norm2");
  at::Tensor fed;
  if (b.row.feed_forward == FeedForward::kMlp) {
    const at::Tensor h = linear(normed, "mlp.fc1");
    fed = linear(0.5 * h * (1 + at::erf(h / std::sqrt(2.0))), "mlp.fc2");
  } else if (b.row.feed_forward == FeedForward::kSwiglu) {
    const at::Tensor gate = linear(normed, "mlp.w1");
    fed = linear(gate * at::sigmoid(gate) * linear(normed, "mlp.w2"), "mlp.w3");
  } else {
    const std::vector<at::Tensor> halves = linear(normed, "mlp.w12").chunk(2, -1);
    fed = linear(halves[0] * at::sigmoid(halves[0]) * halves[1], "mlp.w3");
  }
  return middle + b.param("ls2.gamma") * fed;
}

// Every kind of block that the table's rows have.
std::vector<BackboneRow> tiny_rows() {
  return {tiny_backbone(), tiny_backbone(FeedForward::kSwiglu), tiny_dinov2(2), tiny_dinov2(2, FeedForward::kPackedSwiglu)};
}

TEST(TransformerBlock, AgreesWithLoopsOverTheFormula) {
  for (const BackboneRow& row : tiny_rows()) {
    RandomBlock block(row);
    const at::Tensor x = random_tensor("x", {2, 9, 16});
    const at::Tensor expected = naive_block(block, x, 3, {});
    EXPECT_LT(max_difference(block(x), expected), 1e-12) << row.name;
    const at::NoGradGuard no_graph;
    const at::Tensor input = x.clone();
    EXPECT_LT(max_difference(block(input), expected), 1e-12) << row.name << " in place";
    EXPECT_TRUE(at::equal(input, x)) << "the caller's tokens stay as they were";
  }
}

TEST(TransformerBlock, SevenBHasNoQkvBias) {
  BackboneRow row = tiny_backbone(FeedForward::kSwiglu);
  row.qkv_bias = false;
  RandomBlock block(row);
  EXPECT_FALSE(block.store.contains("backbone.blocks.0.attn.qkv.bias"));
  RandomBlock with_zero_bias(tiny_backbone(FeedForward::kSwiglu));
  const at::NoGradGuard no_grad;
  with_zero_bias.store.tensor("backbone.blocks.0.attn.qkv.bias").zero_();
  const at::Tensor x = random_tensor("x", {2, 9, 16});
  EXPECT_LT(max_difference(block(x), with_zero_bias(x)), 1e-14);
}

TEST(TransformerBlock, AMaskHoldsForQueryRowsAndPatchColumnsOnly) {
  RandomBlock block;
  const at::Tensor x = random_tensor("x", {2, 11, 16});  // 2 queries, 3 prefix tokens, 6 patches
  const at::Tensor mask = random_tensor("mask", {2, 2, 6}) > 0;
  mask[1][0].fill_(false);  // a query that sees no patch at all
  block.context.attention_mask = mask;
  const at::Tensor masked = block(x);
  EXPECT_LT(max_difference(masked, naive_block(block, x, 5, mask)), 1e-12);
  block.context.attention_mask = at::Tensor();
  const at::Tensor open = block(x);
  EXPECT_LT(max_difference(masked.slice(1, 2), open.slice(1, 2)), 1e-14) << "other rows see everything";
  EXPECT_GT(max_difference(masked.slice(1, 0, 2), open.slice(1, 0, 2)), 1e-6);
}

TEST(TransformerBlock, GradientsAgreeWithFiniteDifferences) {
  for (const BackboneRow& row : tiny_rows()) {
    RandomBlock block(row);
    block.context.attention_mask = random_tensor("mask", {1, 2, 6}) > 0;
    const at::Tensor x = random_tensor("x", {1, 11, 16}).requires_grad_(true);
    const at::Tensor weights = random_tensor("weights", {1, 11, 16});
    TensorList leaves{x};
    for (const std::string& name : block.store.names()) {
      leaves.push_back(block.store.tensor(name));
    }
    expect_gradients(
        leaves, [&] { return (block(x) * weights).sum(); }, 1e-6, 6);
  }
}

TEST(TransformerBlock, BfloatMatricesComputeNearTheFullResult) {
  RandomBlock block(tiny_backbone(), at::kFloat);
  const at::Tensor x = random_tensor("x", {2, 9, 16}, at::kFloat);
  TensorList params;
  for (const at::Tensor& p : block.store.unit("blocks.0")) {
    params.push_back(p.dim() > 1 ? p.to(at::kBFloat16) : p);
  }
  const at::Tensor mixed = block.block.forward(params, {x}, block.context, {}).at(0);
  EXPECT_EQ(mixed.scalar_type(), at::kFloat) << "the residual stream stays wide";
  EXPECT_LT(max_difference(mixed, block(x)), 0.05);  // 2^-8 per product, values of order 1
}

TEST(StemBlock, EqualsAConvolutionBehindItsTokensAndDropsPixelsBeyondTheLastPatch) {
  const StemBlock stem(tiny_backbone(), true);
  ParameterStore store(std::span(&stem.unit(), 1), at::kDouble);
  initialise(store, std::span(&stem.unit(), 1), 1);
  PlainRunner runner(store);
  const at::Tensor images = random_tensor("images", {2, 3, 11, 13});
  const at::Tensor tokens = runner.run(stem, {images}, {}, {}).at(0);
  const at::Tensor patches =
      at::conv2d(images, store.tensor("backbone.patch_embed.proj.weight"), store.tensor("backbone.patch_embed.proj.bias"), 4);
  ASSERT_EQ(patches.sizes(), at::IntArrayRef({2, 16, 2, 3}));
  ASSERT_EQ(tokens.sizes(), at::IntArrayRef({2, 1 + 2 + 6, 16}));
  EXPECT_LT(max_difference(tokens.slice(1, 3), patches.flatten(2).transpose(1, 2)), 1e-12);
  EXPECT_TRUE(at::equal(tokens.slice(1, 0, 1), store.tensor("backbone.cls_token").expand({2, 1, 16})));
  EXPECT_TRUE(at::equal(tokens.slice(1, 1, 3), store.tensor("backbone.storage_tokens").expand({2, 2, 16})));
}

}  // namespace
}  // namespace muster::model
