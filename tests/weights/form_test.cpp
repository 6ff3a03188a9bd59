#include "weights/form.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "support/temporary_folder.hpp"
#include "weights/foreign_file.hpp"
#include "weights/form_table.hpp"

namespace muster::weights {
namespace {

using namespace testing_support;
using model::Family;
using model::FeedForward;
using testing::HasSubstr;

class FormTest : public testing::Test {
 protected:
  std::filesystem::path path(const std::string& name = "a") const { return folder_.path() / name / "model.safetensors"; }
  // What recognise() finds with these rows as the table.
  Recognised found(const ForeignFile& file, std::vector<model::BackboneRow> rows, const std::string& config = "") {
    table_ = std::move(rows);
    return recognise(file.safetensors(path(), config), table_);
  }
  ::muster::testing_support::TemporaryFolder folder_;
  std::vector<model::BackboneRow> table_;
};

const model::BackboneRow kTiny2 = tiny_row(Family::kDinov2), kTiny3 = tiny_row(Family::kDinov3);

TEST_F(FormTest, IsTheOneWhoseNamesTheFileHas) {
  const auto form = [&](const ForeignFile& file) { return form_name(recognise_form(file.safetensors(path()))); };
  EXPECT_EQ(form(meta_dinov2(4)), "Meta DINOv2");
  EXPECT_EQ(form(meta_dinov2(0)), "Meta DINOv2");
  EXPECT_EQ(form(meta_dinov3()), "Meta DINOv3");
  EXPECT_EQ(form(hf_dinov2(0)), "Hugging Face Dinov2");
  EXPECT_EQ(form(hf_dinov2(0, true).prefixed("dinov2.")), "Hugging Face Dinov2");
  EXPECT_EQ(form(hf_dinov2(4)), "Hugging Face Dinov2WithRegisters");
  EXPECT_EQ(form(hf_dinov3()), "Hugging Face DINOv3ViT");
  EXPECT_EQ(form(hf_dinov3(false, "model.layer.")), "Hugging Face DINOv3ViT");
  EXPECT_EQ(form(hf_eomt()), "Hugging Face Eomt");
  EXPECT_EQ(form(hf_eomt_dinov3()), "Hugging Face EomtDinov3");
  EXPECT_EQ(form(upstream_eomt()), "upstream EoMT");
  EXPECT_EQ(form(upstream_delta()), "upstream EoMT, differences to a DINOv3 backbone");
  EXPECT_EQ(form(lightly_train(meta_dinov2(4))), "LightlyTrain");
  EXPECT_EQ(form(lightly_train(meta_dinov3())), "LightlyTrain");
}

TEST_F(FormTest, OfAnotherProgramsFileSaysWhatWasSeenAndWhatIsRead) {
  ForeignFile file;
  file.add("conv1.weight", {4, 3, 2, 2});
  try {
    recognise_form(file.safetensors(path()));
    FAIL();
  } catch (const DataError& error) {
    EXPECT_THAT(error.what(), HasSubstr("its 1 tensors (conv1.weight)"));
    EXPECT_THAT(error.what(), HasSubstr("Meta DINOv2, Meta DINOv3, Hugging Face Dinov2"));
  }
}

TEST_F(FormTest, FindsTheRowByItsShapes) {
  std::vector<model::BackboneRow> rows{tiny_row(Family::kDinov3, FeedForward::kSwiglu), kTiny2, kTiny3};
  rows[0].name = "dinov3/tinyplus";
  EXPECT_EQ(found(meta_dinov3(), rows).row.name, "dinov3/tiny");
  EXPECT_EQ(found(meta_dinov3(true), rows).row.name, "dinov3/tinyplus");
  EXPECT_EQ(found(hf_dinov3(true), rows).row.name, "dinov3/tinyplus");
  const Recognised v2 = found(meta_dinov2(4), rows);
  EXPECT_EQ(v2.row.name, "dinov2/tiny");
  EXPECT_EQ(v2.variant, model::BackboneVariant());
  EXPECT_EQ(v2.info.model, "dinov2/tiny");
  EXPECT_EQ(v2.info.image_rules.patch_remainder, "refuse");
  EXPECT_EQ(v2.info.source.form, "Meta DINOv2");
  EXPECT_FALSE(v2.eomt);
}

TEST_F(FormTest, TellsPackedFeedForwardsOfTimmByTheirRows) {
  const std::vector<model::BackboneRow> rows{kTiny2, tiny_row(Family::kDinov2, FeedForward::kPackedSwiglu)};
  EXPECT_EQ(found(upstream_eomt(true), rows).row.feed_forward, FeedForward::kPackedSwiglu);
  EXPECT_EQ(found(upstream_eomt(false), rows).row.feed_forward, FeedForward::kMlp);
}

TEST_F(FormTest, VariesTheRowToTheFile) {
  const Recognised upstream = found(upstream_eomt(), {kTiny2});
  EXPECT_EQ(upstream.variant, (model::BackboneVariant{.patch = 16, .position_rows = 3, .position_columns = 3, .class_position = false}));
  EXPECT_EQ(upstream.row.position_entries(), 9);
  EXPECT_TRUE(upstream.eomt);
  EXPECT_EQ(upstream.num_queries, kQueries);
  EXPECT_EQ(upstream.num_classes, kClasses);
  EXPECT_EQ(upstream.num_joint_blocks, 1) << "the length of attn_mask_probs";
  EXPECT_EQ(upstream.info.model, "dinov2/tiny-eomt");
  EXPECT_EQ(upstream.info.form, "upstream");
  EXPECT_EQ(upstream.info.upscale_norm_eps, 1e-6);
  EXPECT_EQ(upstream.info.transform.image_size, (std::vector<int>{48, 48}));
  EXPECT_EQ(found(hf_eomt(), {kTiny2}).variant, upstream.variant);
  EXPECT_EQ(found(lightly_train(meta_dinov2(4)), {kTiny2}).info.image_rules.patch_remainder, "resize_up");
}

TEST_F(FormTest, TakesClassesSizesAndEpsilonFromConfigJson) {
  const std::string config = R"({"num_attention_heads": 2, "num_blocks": 1, "image_size": 640, "layer_norm_eps": 1e-05,
    "id2label": {"1": "sky", "0": "road"}})";
  const Recognised recognised = found(hf_eomt_dinov3(), {kTiny3}, config);
  ASSERT_EQ(recognised.info.classes.size(), 2U);
  EXPECT_EQ(recognised.info.classes[0].name, "road");
  EXPECT_EQ(recognised.info.classes[1].name, "sky");
  EXPECT_EQ(recognised.info.transform.image_size, (std::vector<int>{640, 640}));
  EXPECT_EQ(recognised.info.form, "hf");
  EXPECT_EQ(recognised.row.norm_eps, 1e-5);
  // The class's default, which transformers leaves out, is not DINOv3's.
  const Recognised by_default = found(hf_eomt_dinov3(), {kTiny3}, R"({"num_attention_heads": 2, "num_blocks": 1})");
  EXPECT_EQ(by_default.row.norm_eps, 1e-6);
  EXPECT_EQ(by_default.notes.size(), 1U);
  EXPECT_THROW(found(hf_eomt_dinov3(), {kTiny3}, R"({"num_attention_heads": 4, "layer_norm_eps": 1e-05})"), DataError);
  EXPECT_THROW(found(hf_eomt_dinov3(), {kTiny3}, R"({"num_attention_heads": "two"})"), DataError);
  const std::vector<model::BackboneRow> gated{tiny_row(Family::kDinov3, FeedForward::kSwiglu)};
  EXPECT_NO_THROW(found(hf_dinov3(true), gated, R"({"num_attention_heads": 2, "hidden_act": "silu"})"));
  EXPECT_THROW(found(hf_dinov3(true), gated, R"({"num_attention_heads": 2})"), DataError) << "transformers would gate by GELU";
}

TEST_F(FormTest, OfSatelliteWeightsIsToldByTheNameAlone) {
  model::BackboneRow satellite = kTiny3;
  satellite.name = "dinov3/tiny-sat493m";
  const std::vector<model::BackboneRow> rows{kTiny3, satellite};
  const Recognised plain = found(meta_dinov3(), rows);
  EXPECT_EQ(plain.row.name, "dinov3/tiny");
  ASSERT_EQ(plain.notes.size(), 1U);
  EXPECT_THAT(plain.notes[0], HasSubstr("only a name that says so tells them apart"));
  const TensorSource named = meta_dinov3().safetensors(folder_.path() / "dinov3_tiny_pretrain_sat493m-eadcf0ff.pth");
  EXPECT_EQ(recognise(named, rows).row.name, "dinov3/tiny-sat493m");
}

TEST_F(FormTest, OfAModelThatNoRowHasIsRefusedWithItsShapes) {
  try {
    found(meta_dinov3(true), {kTiny3});
    FAIL();
  } catch (const DataError& error) {
    EXPECT_THAT(error.what(), HasSubstr("a DINOv3 backbone of width 16, 2 blocks, SwiGLU of 48, 4 storage tokens, patch 16"));
  }
  ForeignFile cut = meta_dinov3();
  cut.remove("cls_token");
  EXPECT_THROW(found(cut, {kTiny3}), DataError);
}

TEST(FormTable, ReadsAlternativesRowsAndConstants) {
  const FormTable& table = table_of(Form::kHfDinov2, Family::kDinov2);
  const auto qkv = translate(table, "backbone.blocks.11.attn.qkv.bias");
  ASSERT_TRUE(qkv);
  ASSERT_EQ(qkv->alternatives.size(), 2U);
  EXPECT_EQ(qkv->alternatives[0].at(1).name, "encoder.layer.11.attention.attention.key.bias");
  EXPECT_EQ(qkv->alternatives[1].at(2).name, "encoder.layer.11.attention.v_proj.bias");
  const auto bias = translate(table_of(Form::kHfDinov3, Family::kDinov3), "backbone.blocks.0.attn.qkv.bias");
  ASSERT_TRUE(bias);
  EXPECT_EQ(bias->alternatives[0].at(1).name, "") << "zeros";
  EXPECT_FALSE(translate(table, "queries.weight"));
}

TEST(FormTable, MatchesPatterns) {
  EXPECT_TRUE(matches("*criterion.empty_weight", "train_model/criterion.empty_weight"));
  EXPECT_TRUE(matches("upscale.*", "upscale.0.norm.bias"));
  EXPECT_TRUE(matches("a*b*c", "a.b.b.c"));
  EXPECT_TRUE(matches("norm", "norm"));
  EXPECT_FALSE(matches("norm", "norm1"));
  EXPECT_FALSE(matches("ab*bc", "abc")) << "the two ends may not overlap";
}

}  // namespace
}  // namespace muster::weights
