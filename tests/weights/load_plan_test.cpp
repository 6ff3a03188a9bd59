#include "weights/load_plan.hpp"

#include <deque>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "model/patch_resize.hpp"
#include "model/rope.hpp"
#include "support/temporary_folder.hpp"
#include "weights/foreign_file.hpp"

namespace muster::weights {
namespace {

using namespace testing_support;
using model::Family;
using model::FeedForward;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

at::Tensor joined(ForeignFile& file, const std::string& start, const std::vector<std::string>& parts, const std::string& end) {
  std::vector<at::Tensor> tensors;
  for (const std::string& part : parts) {
    tensors.push_back(file[start + part + end]);
  }
  return at::cat(tensors);
}

class LoadPlanTest : public testing::Test {
 protected:
  TensorSource stored(const ForeignFile& file, const std::string& name = "a") {
    return file.safetensors(folder_.path() / name / "model.safetensors");
  }
  // Loads all of the model and returns the plan.
  LoadPlan loaded(const ForeignFile& file, const TinyModel& model, const LoadOptions& options = {}) {
    sources_.push_back(stored(file, std::to_string(sources_.size())));
    LoadPlan plan = plan_load(sources_.back(), recognise_form(sources_.back()), model, nullptr, options);
    load(plan, model.stored());
    return plan;
  }
  std::string refusal(const ForeignFile& file, const TinyModel& model, const LoadOptions& options = {}) {
    try {
      loaded(file, model, options);
      return "";
    } catch (const DataError& error) {
      return error.what();
    }
  }
  static void expect_equal(const TinyModel& a, const TinyModel& b) {
    for (const auto& [name, tensor] : a.stored()) {
      EXPECT_TRUE(tensor.equal(b[name])) << name;
    }
  }

  ::muster::testing_support::TemporaryFolder folder_;
  std::deque<TensorSource> sources_;  // plans point into them
};

const model::BackboneRow kPlanTiny2 = tiny_row(Family::kDinov2), kPlanTiny3 = tiny_row(Family::kDinov3);

TEST_F(LoadPlanTest, OfHfDinov3JoinsQkvAndMakesWhatTheFilesLeaveOut) {
  ForeignFile file = hf_dinov3();
  const TinyModel model(kPlanTiny3);
  const LoadPlan plan = loaded(file, model);
  EXPECT_TRUE(model["backbone.blocks.1.attn.qkv.weight"].equal(joined(file, "layer.1.attention.", {"q", "k", "v"}, "_proj.weight")));
  EXPECT_TRUE(model["backbone.blocks.0.attn.qkv.bias"].equal(
      at::cat({file["layer.0.attention.q_proj.bias"], at::zeros({kDim}), file["layer.0.attention.v_proj.bias"]})));
  EXPECT_TRUE(model["backbone.blocks.0.attn.qkv.bias_mask"].equal(at::cat({at::ones({kDim}), at::zeros({kDim}), at::ones({kDim})})));
  EXPECT_TRUE(model["backbone.rope_embed.periods"].equal(at::tensor({1.0F, 10.0F})));
  EXPECT_TRUE(model["backbone.mask_token"].equal(file["embeddings.mask_token"].view({1, kDim})));
  EXPECT_TRUE(model["backbone.storage_tokens"].equal(file["embeddings.register_tokens"]));
  EXPECT_TRUE(model["backbone.blocks.1.mlp.fc2.weight"].equal(file["layer.1.mlp.down_proj.weight"]));
  EXPECT_TRUE(model["backbone.blocks.1.ls2.gamma"].equal(file["layer.1.layer_scale2.lambda1"]));
  EXPECT_EQ(plan.made.size(), 3U) << "two masks and the periods";
  EXPECT_THAT(plan.summary(), AllOf(HasSubstr("Hugging Face DINOv3ViT"), HasSubstr(plan.hash), HasSubstr("1 for q and v, 0 for k")));

  const TinyModel version_5(kPlanTiny3);
  loaded(hf_dinov3(false, "model.layer."), version_5);
  EXPECT_TRUE(version_5["backbone.cls_token"].equal(model["backbone.cls_token"]));
}

TEST_F(LoadPlanTest, OfGatedFeedForwardsTakesTheGateFirst) {
  ForeignFile hf3 = hf_dinov3(true);
  const TinyModel v3(tiny_row(Family::kDinov3, FeedForward::kSwiglu));
  loaded(hf3, v3);
  EXPECT_TRUE(v3["backbone.blocks.0.mlp.w1.weight"].equal(hf3["layer.0.mlp.gate_proj.weight"]));
  EXPECT_TRUE(v3["backbone.blocks.0.mlp.w2.bias"].equal(hf3["layer.0.mlp.up_proj.bias"]));
  EXPECT_TRUE(v3["backbone.blocks.0.mlp.w3.weight"].equal(hf3["layer.0.mlp.down_proj.weight"]));

  const model::BackboneRow giant = tiny_row(Family::kDinov2, FeedForward::kPackedSwiglu);
  ForeignFile published = hf_dinov2(4, false, true), version_5 = hf_dinov2(4, true, true), timm = upstream_eomt(true);
  const TinyModel by_published(giant), by_version_5(giant);
  loaded(published, by_published);
  loaded(version_5, by_version_5);
  EXPECT_TRUE(by_published["backbone.blocks.1.mlp.w12.weight"].equal(published["encoder.layer.1.mlp.weights_in.weight"]));
  EXPECT_TRUE(
      by_version_5["backbone.blocks.1.mlp.w12.bias"].equal(joined(version_5, "encoder.layer.1.mlp.", {"gate", "up"}, "_proj.bias")));
  const TinyModel by_timm(model::varied(giant, {.patch = 16, .position_rows = 3, .position_columns = 3, .class_position = false}), kQueries,
                          kClasses);
  loaded(timm, by_timm);
  EXPECT_TRUE(by_timm["backbone.blocks.0.mlp.w12.weight"].equal(timm["network.encoder.backbone.blocks.0.mlp.fc1.weight"]));
  EXPECT_TRUE(by_timm["backbone.blocks.0.mlp.w3.bias"].equal(timm["network.encoder.backbone.blocks.0.mlp.fc2.bias"]));
}

TEST_F(LoadPlanTest, OfHfDinov2ReadsNamesOldAndNewAndSkipsAClassifier) {
  ForeignFile file = hf_dinov2(4), version_5 = hf_dinov2(4, true);
  for (const char* pair : {"q:query", "k:key", "v:value"}) {
    for (const char* kind : {".weight", ".bias"}) {
      for (int i = 0; i < 2; ++i) {
        const std::string layer = numbered("encoder.layer.", i, ".attention.");
        version_5[layer + pair[0] + "_proj" + kind] = file[layer + "attention." + (pair + 2) + kind];
        version_5[layer + "o_proj" + kind] = file[layer + "output.dense" + kind];
      }
    }
  }
  const TinyModel model(kPlanTiny2), renamed(kPlanTiny2);
  loaded(file, model);
  EXPECT_TRUE(model["backbone.blocks.1.attn.qkv.weight"].equal(
      joined(file, "encoder.layer.1.attention.attention.", {"query", "key", "value"}, ".weight")));
  EXPECT_TRUE(model["backbone.pos_embed"].equal(file["embeddings.position_embeddings"]));
  EXPECT_TRUE(model["backbone.register_tokens"].equal(file["embeddings.register_tokens"]));
  ForeignFile classifier = version_5.prefixed("dinov2_with_registers.");
  classifier.add_linear("classifier", 5, 2 * kDim);
  const LoadPlan plan = loaded(classifier, renamed);
  EXPECT_EQ(plan.skipped.size(), 2U);
  EXPECT_EQ(plan.skipped.at(0).second, "the linear head of an image classifier");
  expect_equal(model, renamed);
}

TEST_F(LoadPlanTest, OfMetaDinov2TakesChunkedBlocksAndFoldsTheClassPosition) {
  ForeignFile file = meta_dinov2(4, "blocks.0.");
  const TinyModel model(kPlanTiny2), folded(model::varied(kPlanTiny2, {.class_position = false}));
  loaded(file, model);
  EXPECT_TRUE(model["backbone.blocks.1.norm2.bias"].equal(file["blocks.0.1.norm2.bias"]));
  const LoadPlan plan = loaded(file, folded);
  EXPECT_TRUE(folded["backbone.cls_token"].equal(file["cls_token"] + file["pos_embed"].narrow(1, 0, 1)));
  EXPECT_TRUE(folded["backbone.pos_embed"].equal(file["pos_embed"].narrow(1, 1, 25)));
  EXPECT_EQ(plan.notes.size(), 1U);
}

TEST_F(LoadPlanTest, OfUpstreamEomtPutsZerosWhereTheModelWantsAClassPosition) {
  ForeignFile file = upstream_eomt();
  const model::BackboneRow row = model::varied(kPlanTiny2, {.patch = 16, .position_rows = 3, .position_columns = 3});
  const TinyModel model(row, kQueries, kClasses);
  const LoadPlan plan = loaded(file, model);
  EXPECT_TRUE(model["backbone.pos_embed"].equal(at::cat({at::zeros({1, 1, kDim}), file["network.encoder.backbone.pos_embed"]}, 1)));
  EXPECT_TRUE(model["backbone.register_tokens"].equal(file["network.encoder.backbone.reg_token"]));
  EXPECT_TRUE(model["queries.weight"].equal(file["network.q.weight"]));
  EXPECT_TRUE(model["upscale.1.norm.weight"].equal(file["network.upscale.1.norm.weight"]));
  EXPECT_EQ(plan.skipped.size(), 4U) << "mask probabilities, pixel mean and std, class weights";
}

TEST_F(LoadPlanTest, OfHfEomtReadsBothBackbones) {
  ForeignFile v2 = hf_eomt(), v3 = hf_eomt_dinov3(true);
  const TinyModel model2(model::varied(kPlanTiny2, {.patch = 16, .position_rows = 3, .position_columns = 3, .class_position = false}), kQueries,
                         kClasses);
  loaded(v2, model2);
  EXPECT_TRUE(model2["backbone.pos_embed"].equal(v2["embeddings.position_embeddings.weight"].unsqueeze(0)));
  EXPECT_TRUE(model2["backbone.blocks.0.attn.proj.weight"].equal(v2["layers.0.attention.out_proj.weight"]));
  EXPECT_TRUE(model2["mask_head.4.bias"].equal(v2["mask_head.fc3.bias"]));
  EXPECT_TRUE(model2["upscale.0.norm.bias"].equal(v2["upscale_block.block.0.layernorm2d.bias"]));
  const TinyModel model3(tiny_row(Family::kDinov3, FeedForward::kSwiglu), kQueries, kClasses);
  loaded(v3, model3);
  EXPECT_TRUE(model3["class_head.weight"].equal(v3["class_predictor.weight"]));
  EXPECT_TRUE(model3["backbone.norm.weight"].equal(v3["layernorm.weight"]));
  EXPECT_TRUE(model3["backbone.mask_token"].equal(at::zeros({1, kDim})));
}

TEST_F(LoadPlanTest, OfLightlyTrainKeepsTheFilesMaskAndPeriods) {
  ForeignFile file = lightly_train(meta_dinov3());
  const TinyModel model(kPlanTiny3, kQueries, kClasses);
  const LoadPlan plan = loaded(file, model);
  EXPECT_TRUE(model["backbone.rope_embed.periods"].equal(file["train_model/model.backbone.rope_embed.periods"]));
  EXPECT_TRUE(model["backbone.blocks.1.attn.qkv.bias_mask"].equal(file["train_model/model.backbone.blocks.1.attn.qkv.bias_mask"]));
  ASSERT_EQ(plan.skipped.size(), 1U);
  EXPECT_EQ(plan.skipped[0].first, "train_model/criterion.empty_weight");
  EXPECT_TRUE(plan.made.empty());
}

// The same backbone as Meta and as transformers stores it.
std::pair<ForeignFile, ForeignFile> two_spellings() {
  ForeignFile hf = hf_dinov3(), meta = meta_dinov3();
  for (int i = 0; i < 2; ++i) {
    const std::string block = numbered("blocks.", i, "."), layer = numbered("layer.", i, ".");
    for (const char* kind : {".weight", ".bias"}) {
      meta[block + "norm1" + kind] = hf[layer + "norm1" + kind];
      meta[block + "norm2" + kind] = hf[layer + "norm2" + kind];
      meta[block + "attn.proj" + kind] = hf[layer + "attention.o_proj" + kind];
      meta[block + "mlp.fc1" + kind] = hf[layer + "mlp.up_proj" + kind];
      meta[block + "mlp.fc2" + kind] = hf[layer + "mlp.down_proj" + kind];
    }
    meta[block + "attn.qkv.weight"] = joined(hf, layer + "attention.", {"q", "k", "v"}, "_proj.weight");
    meta[block + "attn.qkv.bias"] =
        at::cat({hf[layer + "attention.q_proj.bias"], at::full({kDim}, 9.0, at::kFloat), hf[layer + "attention.v_proj.bias"]});
    meta[block + "ls1.gamma"] = hf[layer + "layer_scale1.lambda1"];
    meta[block + "ls2.gamma"] = hf[layer + "layer_scale2.lambda1"];
  }
  meta["cls_token"] = hf["embeddings.cls_token"];
  meta["storage_tokens"] = hf["embeddings.register_tokens"];
  for (const char* kind : {"weight", "bias"}) {
    meta[std::string("patch_embed.proj.") + kind] = hf[std::string("embeddings.patch_embeddings.") + kind];
    meta[std::string("norm.") + kind] = hf[std::string("norm.") + kind];
  }
  return {meta, hf};
}

TEST_F(LoadPlanTest, OfADeltaAddsTheBaseInEitherSpelling) {
  auto [meta, hf] = two_spellings();
  ForeignFile delta = upstream_delta();
  const TensorSource file = stored(delta, "delta"), meta_file = stored(meta, "meta"), hf_file = stored(hf, "hf");
  const TinyModel by_meta(kPlanTiny3, kQueries, kClasses), by_hf(kPlanTiny3, kQueries, kClasses);
  load(plan_load(file, Form::kUpstreamEomtDelta, by_meta, &meta_file), by_meta.stored());
  const LoadPlan plan = plan_load(file, Form::kUpstreamEomtDelta, by_hf, &hf_file);
  load(plan, by_hf.stored());
  EXPECT_THAT(plan.summary(), HasSubstr("plus the file's differences"));
  expect_equal(by_meta, by_hf);
  const std::string layer = "layer.1.attention.", block = "network.encoder.backbone.blocks.1.attention.";
  EXPECT_TRUE(by_hf["backbone.blocks.1.attn.qkv.weight"].equal(joined(hf, layer, {"q", "k", "v"}, "_proj.weight") +
                                                               joined(delta, block, {"q", "k", "v"}, "_proj.weight")));
  EXPECT_TRUE(by_hf["backbone.blocks.1.attn.qkv.bias"].narrow(0, kDim, kDim).equal(at::zeros({kDim}))) << "no bias on k";
  EXPECT_TRUE(by_hf["backbone.norm.bias"].equal(hf["norm.bias"] + delta["network.encoder.backbone.norm.bias"]));
  EXPECT_TRUE(by_hf["queries.weight"].equal(delta["network.q.weight"])) << "heads are whole";
}

TEST_F(LoadPlanTest, OfADeltaRefusesNoBaseAWrongOneAndOneTooMany) {
  const TensorSource delta = stored(upstream_delta(), "delta"), other = stored(hf_dinov3(true), "other"), v2 = stored(hf_dinov2(4), "v2"),
                     whole = stored(hf_dinov3(), "whole");
  const TinyModel model(kPlanTiny3, kQueries, kClasses), bare(kPlanTiny3);
  const auto refused = [&](const TensorSource& file, Form form, const TinyModel& wanted, const TensorSource* base) -> std::string {
    try {
      plan_load(file, form, wanted, base);
      return "";
    } catch (const DataError& error) {
      return error.what();
    }
  };
  EXPECT_THAT(refused(delta, Form::kUpstreamEomtDelta, model, nullptr),
              HasSubstr("stored as differences to a published one; name that file"));
  EXPECT_THAT(refused(delta, Form::kUpstreamEomtDelta, model, &other), HasSubstr("SwiGLU of 48"));
  EXPECT_THAT(refused(delta, Form::kUpstreamEomtDelta, model, &v2), HasSubstr("cannot be the base of"));
  EXPECT_THAT(refused(whole, Form::kHfDinov3, bare, &whole), HasSubstr("holds whole weights"));
}

TEST_F(LoadPlanTest, RefusesWhatIsMissingOrUnexpectedUnlessTheRecipeNamesIt) {
  ForeignFile file = meta_dinov3();
  file.remove("blocks.1.norm2.bias");
  file.add("decoder.weight", {2});
  const TinyModel model(kPlanTiny3);
  EXPECT_THAT(refusal(file, model),
              AllOf(HasSubstr("lacks 1 of the model's tensors: backbone.blocks.1.norm2.bias"), HasSubstr("allow_missing")));
  LoadOptions options{.allow_missing = {"backbone.blocks.1.norm2.*"}, .allow_unexpected = {}, .keep = {}};
  EXPECT_THAT(refusal(file, model, options),
              AllOf(HasSubstr("tensors that the model does not know: decoder.weight"), HasSubstr("allow_unexpected")));
  options.allow_unexpected = {"decoder.*"};
  const LoadPlan plan = loaded(file, model, options);
  EXPECT_THAT(plan.kept, ElementsAre("backbone.blocks.1.norm2.bias"));
  EXPECT_TRUE(model["backbone.blocks.1.norm2.bias"].eq(-77).all().item<bool>()) << "keeps its value";
}

TEST_F(LoadPlanTest, OfABackboneAloneLeavesTheHeadsAndTheOtherWayRound) {
  const TinyModel eomt(kPlanTiny3, kQueries, kClasses), bare(kPlanTiny3);
  EXPECT_THAT(refusal(meta_dinov3(), eomt), HasSubstr("queries.weight"));
  loaded(meta_dinov3(), eomt, {.allow_missing = eomt_head_patterns(), .allow_unexpected = {}, .keep = {}});
  EXPECT_TRUE(eomt["class_head.weight"].eq(-77).all().item<bool>());
  loaded(hf_eomt_dinov3(), bare, {.allow_missing = {}, .allow_unexpected = eomt_head_patterns(), .keep = {}});
}

TEST_F(LoadPlanTest, KeepsTheModelsOwnTensorsAndChangesTheNumberOfQueries) {
  ForeignFile file = lightly_train(meta_dinov3());
  const at::Tensor& queries = file["train_model/model.queries.weight"];
  const TinyModel fewer(kPlanTiny3, 2, 5), more(kPlanTiny3, 7, 5);
  const LoadOptions options{.allow_missing = {}, .allow_unexpected = {}, .keep = {"class_head.*"}, .resize_queries = true};
  EXPECT_THAT(loaded(file, fewer, options).notes, ElementsAre(HasSubstr("3 queries of the file are cut to 2")));
  EXPECT_THAT(loaded(file, more, options).notes, ElementsAre(HasSubstr("repeated to 7")));
  EXPECT_TRUE(fewer["queries.weight"].equal(queries.narrow(0, 0, 2)));
  EXPECT_TRUE(more["queries.weight"].equal(at::cat({queries, queries, queries.narrow(0, 0, 1)})));
  EXPECT_TRUE(more["class_head.bias"].eq(-77).all().item<bool>());
  EXPECT_THAT(refusal(file, TinyModel(kPlanTiny3, 2, kClasses)), HasSubstr("queries.weight is [3, 16]")) << "not unless asked";
}

TEST_F(LoadPlanTest, NamesShapesThatDoNotFit) {
  ForeignFile file = meta_dinov3();
  file["blocks.1.attn.proj.bias"] = at::zeros({17});
  EXPECT_THAT(refusal(file, TinyModel(kPlanTiny3)), HasSubstr("tensor blocks.1.attn.proj.bias is [17]; backbone.blocks.1.attn.proj.bias of "
                                                          "dinov3/tiny wants [16]"));
  EXPECT_THAT(refusal(meta_dinov2(4), TinyModel(model::varied(kPlanTiny2, {.position_rows = 4, .position_columns = 4}))),
              HasSubstr("positions of 25 patches, the model was built for 4 x 4"));
}

TEST_F(LoadPlanTest, SaysWhatAnotherModelsFileHolds) {
  EXPECT_THAT(refusal(meta_dinov3(true), TinyModel(kPlanTiny3)),
              AllOf(HasSubstr("holds a DINOv3 backbone of width 16, 2 blocks, SwiGLU of 48"), HasSubstr("the model dinov3/tiny is"),
                    HasSubstr("Give it a file of its own, such as tiny.pth")));
  EXPECT_THAT(refusal(meta_dinov2(4), TinyModel(kPlanTiny3)), HasSubstr("holds a DINOv2 backbone"));
}

TEST_F(LoadPlanTest, FindsNaNAndOtherTypes) {
  ForeignFile file = hf_dinov3();
  file["layer.1.attention.k_proj.weight"].view({-1})[35] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THAT(refusal(file, TinyModel(kPlanTiny3)),
              AllOf(HasSubstr("tensor layer.1.attention.k_proj.weight is not a number (NaN) at element 35"), HasSubstr("Fetch it again")));
  for (const at::ScalarType type : {at::kDouble, at::kBFloat16, at::kHalf}) {
    ForeignFile other = meta_dinov3();
    other["norm.weight"] = other["norm.weight"].to(type);
    other["norm.weight"][15] = std::numeric_limits<double>::quiet_NaN();
    EXPECT_THAT(refusal(other, TinyModel(kPlanTiny3)), HasSubstr("tensor norm.weight is not a number (NaN) at element 15")) << type;
  }
  ForeignFile whole = meta_dinov3();
  whole["norm.weight"] = at::ones({kDim}, at::kLong);
  EXPECT_THAT(refusal(whole, TinyModel(kPlanTiny3)), HasSubstr("tensor norm.weight is of I64"));
}

TEST_F(LoadPlanTest, ReadsAnyRangeInAnyType) {
  ForeignFile file = hf_dinov3();
  const TensorSource source = stored(file);
  const TinyModel model(kPlanTiny3);
  const LoadPlan plan = plan_load(source, Form::kHfDinov3, model);
  load(plan, model.stored());
  for (const char* name :
       {"backbone.blocks.0.attn.qkv.weight", "backbone.blocks.0.attn.qkv.bias", "backbone.blocks.0.attn.qkv.bias_mask"}) {
    const at::Tensor whole = model[name].view({-1});
    const TensorRecipe& recipe = plan.recipe(name);
    for (const ScalarType type : {ScalarType::kF32, ScalarType::kF64, ScalarType::kBF16, ScalarType::kF16}) {
      for (std::int64_t begin = 0; begin < whole.numel(); begin += 13) {
        const std::int64_t end = std::min<std::int64_t>(begin + 29, whole.numel());
        at::Tensor read = at::empty({end - begin}, at::TensorOptions(torch_type(type)));
        read_range(recipe, begin, end, type, read.data_ptr());
        EXPECT_TRUE(read.equal(whole.slice(0, begin, end).to(torch_type(type)))) << name << " " << begin;
      }
    }
  }
}

TEST_F(LoadPlanTest, ChangesThePatchKernelToTheModelsSizeAndChannels) {
  ForeignFile file = meta_dinov3();
  const TinyModel model(model::varied(kPlanTiny3, {.patch = 8, .channels = 5}));
  const LoadPlan plan = loaded(file, model);
  const at::Tensor wanted = model::repeat_channels(model::resample_patch_kernel(file["patch_embed.proj.weight"], 8), 5);
  const at::Tensor read = model["backbone.patch_embed.proj.weight"];
  EXPECT_LT(model::max_difference(read, wanted), 1e-4) << "the inverse in fp32 depends on the number of threads";
  EXPECT_EQ(plan.notes.size(), 2U);
  at::Tensor part = at::empty({50}, at::kFloat);
  read_range(plan.recipe("backbone.patch_embed.proj.weight"), 100, 150, ScalarType::kF32, part.data_ptr());
  EXPECT_LT(model::max_difference(part, wanted.view({-1}).slice(0, 100, 150)), 1e-4);
}

TEST_F(LoadPlanTest, OfAFileWithTwoSpellingsOfOneTensorIsRefused) {
  ForeignFile file = hf_dinov3();
  file.append(hf_dinov3().prefixed("model."));
  EXPECT_THAT(refusal(file, TinyModel(kPlanTiny3)), HasSubstr("stand for the same one"));
}

}  // namespace
}  // namespace muster::weights
