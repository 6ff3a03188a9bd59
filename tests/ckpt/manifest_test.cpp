#include "ckpt/manifest.hpp"

#include <gtest/gtest.h>

#include "ckpt/tiny_state.hpp"
#include "core/error.hpp"

namespace muster::ckpt {
namespace {

TEST(Manifest, StoresTheLayoutOncePerSegment) {
  TinyState state;
  const Manifest manifest = describe(state.view(), 0, 1);
  ASSERT_EQ(manifest.segments.size(), 4U);  // blocks.0 matrix and vector, head matrix, the buffer
  const StoredSegment* matrix = manifest.find_segment("blocks.0/matrix");
  ASSERT_NE(matrix, nullptr);
  EXPECT_EQ(matrix->kinds.size(), 3U);
  EXPECT_EQ(matrix->numel, 242);  // 150, gap to 192, 50
  EXPECT_EQ(matrix->chunk, 256);
  ASSERT_EQ(matrix->tensors.size(), 2U);
  EXPECT_EQ(matrix->tensors[1].tensor, "backbone.blocks.0.attn.proj.weight");
  EXPECT_EQ(matrix->tensors[1].begin, 192);
  EXPECT_TRUE(manifest.find_segment("backbone.rope.periods")->tensors.empty());
  EXPECT_EQ(manifest.find_segment("head"), nullptr);
}

TEST(Manifest, ComesBackFromItsJson) {
  TinyState state;
  Manifest manifest = describe(state.view(), 0, 1);
  manifest.run_id = "0123456789abcdef";
  manifest.step = 40;
  manifest.files.push_back({.name = "shard-00000-of-00001.safetensors", .bytes = 123, .hash = "00ff"});
  const std::string json = to_json(manifest);
  const Manifest read = parse_manifest(json, "manifest.json");
  EXPECT_EQ(to_json(read), json);
  EXPECT_EQ(read.step, 40);
  EXPECT_EQ(read.records[0].json, R"({"step":7,"best":0.25})");
}

TEST(Manifest, KnowsTheSlicesOfSeveralRanks) {
  TinyState state(0, 1, 3);
  const StoredSegment segment = *describe(state.view(), 1, 3).find_segment("blocks.0/matrix");
  EXPECT_EQ(segment.shards, 3);
  EXPECT_EQ(segment.chunk, 128);
  EXPECT_EQ(describe(state.view(), 1, 3).find_segment("backbone.rope.periods")->shards, 1);
}

TEST(Manifest, RefusesMemoryThatIsNoSlice) {
  TinyState state(0, 0, 3);
  EXPECT_THROW((void)describe(state.view(), 1, 3), InvariantError);
}

TEST(Manifest, RefusesAnotherFormatAndAnotherVersion) {
  TinyState state;
  std::string json = to_json(describe(state.view(), 0, 1));
  const auto at = json.find("\"1.0\"");
  ASSERT_NE(at, std::string::npos);
  EXPECT_THROW((void)parse_manifest(json.replace(at, 5, "\"2.0\""), "m"), CheckpointError);
  EXPECT_THROW((void)parse_manifest("{}", "m"), CheckpointError);
  EXPECT_THROW((void)parse_manifest("not json", "m"), CheckpointError);
}

}  // namespace
}  // namespace muster::ckpt
