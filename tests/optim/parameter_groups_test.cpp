#include "optim/parameter_groups.hpp"

#include <cmath>

#include <gtest/gtest.h>

#include "core/error.hpp"

namespace muster::optim {
namespace {

constexpr BackboneDepth kDeep{.blocks = 12, .joint_blocks = 4};

double factor_of(std::string_view name, const OptimOptions& options = {}) {
  return group_of(name, 2, kDeep, options).lr_factor;
}

TEST(ParameterGroups, LetBlocksLearnSlowerTheEarlierTheyStand) {
  EXPECT_EQ(factor_of("backbone.blocks.11.attn.qkv.weight"), 1);
  EXPECT_DOUBLE_EQ(factor_of("backbone.blocks.10.mlp.fc1.weight"), 0.8);
  EXPECT_DOUBLE_EQ(factor_of("backbone.blocks.0.norm1.weight"), std::pow(0.8, 11));
  EXPECT_DOUBLE_EQ(factor_of("backbone.patch_embed.proj.weight"), std::pow(0.8, 11));
  EXPECT_DOUBLE_EQ(factor_of("backbone.cls_token"), std::pow(0.8, 11));
  EXPECT_DOUBLE_EQ(factor_of("backbone.storage_tokens"), std::pow(0.8, 11));
  EXPECT_EQ(factor_of("backbone.norm.weight"), 1);
  EXPECT_EQ(factor_of("queries.weight"), 1);
  EXPECT_EQ(factor_of("upscale.0.conv1.weight"), 1);
}

TEST(ParameterGroups, LetJointBlocksHaveTheirOwnDecay) {
  OptimOptions options;
  options.llrd_joint_blocks = 1.0;
  EXPECT_EQ(factor_of("backbone.blocks.8.attn.proj.weight", options), 1);
  EXPECT_DOUBLE_EQ(factor_of("backbone.blocks.7.attn.proj.weight", options), std::pow(0.8, 4));
}

TEST(ParameterGroups, DecayMatricesOnly) {
  const auto decay_of = [](std::string_view name, std::size_t dims) { return group_of(name, dims, kDeep, {}).weight_decay; };
  EXPECT_EQ(decay_of("backbone.blocks.3.attn.qkv.weight", 2), 0.05);
  EXPECT_EQ(decay_of("backbone.patch_embed.proj.weight", 4), 0.05);
  EXPECT_EQ(decay_of("mask_head.2.weight", 2), 0.05);
  EXPECT_EQ(decay_of("upscale.0.conv2.weight", 4), 0.05);
  EXPECT_EQ(decay_of("backbone.blocks.3.attn.qkv.bias", 1), 0);
  EXPECT_EQ(decay_of("backbone.blocks.3.ls1.gamma", 1), 0);
  EXPECT_EQ(decay_of("upscale.0.norm.weight", 1), 0);
  EXPECT_EQ(decay_of("queries.weight", 2), 0);
  EXPECT_EQ(decay_of("backbone.cls_token", 3), 0);
  EXPECT_EQ(decay_of("backbone.storage_tokens", 3), 0);
  EXPECT_EQ(decay_of("backbone.mask_token", 2), 0);
  EXPECT_EQ(decay_of("backbone.pos_embed", 3), 0);
}

TEST(ParameterGroups, KnowTheBackbone) {
  EXPECT_TRUE(group_of("backbone.norm.weight", 1, kDeep, {}).backbone);
  EXPECT_FALSE(group_of("class_head.weight", 2, kDeep, {}).backbone);
}

TEST(ParameterGroups, RefuseABlockThatTheBackboneDoesNotHave) {
  EXPECT_THROW(group_of("backbone.blocks.12.norm1.weight", 1, kDeep, {}), InvariantError);
}

TEST(ParameterGroups, CutPiecesAtTheShardsEnds) {
  const SegmentLayout layout = segment_layouts("blocks.11", {{.name = "backbone.blocks.11.attn.proj.weight", .shape = {10, 10}},
                                                             {.name = "class_head.weight", .shape = {5, 30}}})
                                   .front();
  const FlatShard shard = flat_shard(layout.numel, 1, 3);  // 278 elements: [128, 256)
  ASSERT_EQ(shard.begin, 128);
  const auto pieces = grouped_pieces(layout, shard, kDeep, {});
  ASSERT_EQ(pieces.size(), 1U);  // the first tensor ends at 100
  EXPECT_EQ(pieces[0].begin, 0);
  EXPECT_EQ(pieces[0].end, 128);
  EXPECT_FALSE(pieces[0].group.backbone);
  const auto first = grouped_pieces(layout, flat_shard(layout.numel, 0, 3), kDeep, {});
  ASSERT_EQ(first.size(), 1U);
  EXPECT_EQ(first[0].end, 100);
}

}  // namespace
}  // namespace muster::optim
