#include "weights/export_form.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/atomic_file.hpp"
#include "core/error.hpp"
#include "io/value.hpp"
#include "model/position.hpp"
#include "support/temporary_folder.hpp"
#include "weights/foreign_file.hpp"

namespace muster::weights {
namespace {

using namespace testing_support;
using model::Family;
using model::FeedForward;
using testing::HasSubstr;
using testing::UnorderedElementsAreArray;

WeightsInfo info_for(const TinyModel& model, int queries = 0, int classes = 0) {
  WeightsInfo info;
  info.model = model.name();
  info.form = "hf";
  info.upscale_norm_eps = 1e-6;
  info.num_queries = queries;
  info.num_joint_blocks = queries > 0 ? 1 : 0;
  for (int i = 0; i < classes; ++i) {
    info.classes.push_back({.id = 10 * i, .name = "class-" + std::to_string(i), .color = {}});
  }
  info.transform = {.image_size = {48, 48}, .num_channels = 3, .mean = {0, 0, 0}, .std = {1, 1, 1}};
  return info;
}

class ExportFormTest : public testing::Test {
 protected:
  std::filesystem::path folder(const std::string& name) const { return folder_.path() / name; }

  // Writes the model, reads it into another of the same row, and writes that: tensors and files must be the same bits.
  void expect_round_trip(const model::BackboneRow& row, const WeightsInfo& info, const std::set<std::string>& names, int queries = 0,
                         int classes = 0) {
    SCOPED_TRACE(std::string(row.name) + (queries > 0 ? " eomt" : ""));
    const TinyModel model(row, queries, classes), again(row, queries, classes);
    model.fill_as_hf();
    const ExportReport report = export_hf(folder("first"), row, supply_of(model.stored()), info);
    EXPECT_TRUE(report.deviations.empty()) << report.deviations.front();
    const TensorSource source = TensorSource::open(folder("first"));
    std::vector<std::string> written;
    for (const StoredTensor& tensor : source.tensors()) {
      written.push_back(tensor.name);
    }
    EXPECT_THAT(written, UnorderedElementsAreArray(names)) << "the names that transformers has";

    const std::vector<model::BackboneRow> table{row};
    const Recognised recognised = recognise(source, table);
    EXPECT_EQ(recognised.row.name, row.name);
    EXPECT_EQ(recognised.num_joint_blocks, info.num_joint_blocks);
    EXPECT_EQ(recognised.info.classes.size(), static_cast<std::size_t>(classes));
    const LoadPlan plan = plan_load(source, recognised.form, again);
    load(plan, again.stored());
    for (const auto& [name, tensor] : model.stored()) {
      EXPECT_TRUE(tensor.equal(again[name])) << name;
    }
    export_hf(folder("second"), row, supply_of(plan), recognised.info);
    for (const char* file : {"model.safetensors", "config.json"}) {
      EXPECT_EQ(read_file(folder("first") / file), read_file(folder("second") / file)) << file;
    }
  }

  ::muster::testing_support::TemporaryFolder folder_;
};

TEST_F(ExportFormTest, GoesToTransformersAndBackWithoutChangingABit) {
  for (const FeedForward kind : {FeedForward::kMlp, FeedForward::kPackedSwiglu}) {
    const bool giant = kind == FeedForward::kPackedSwiglu;
    model::BackboneRow row = tiny_row(Family::kDinov2, kind);
    WeightsInfo info = info_for(TinyModel(row));
    info.transform.image_size = {70, 70};
    expect_round_trip(row, info, hf_dinov2(4, false, giant).names());
    row.storage_tokens = 0;
    expect_round_trip(row, info, hf_dinov2(0, false, giant).names());
    row = model::varied(tiny_row(Family::kDinov2, kind), {.patch = 16, .position_rows = 3, .position_columns = 3, .class_position = false});
    expect_round_trip(row, info_for(TinyModel(row), kQueries, kClasses), hf_eomt(giant).names(), kQueries, kClasses);
  }
  for (const FeedForward kind : {FeedForward::kMlp, FeedForward::kSwiglu}) {
    const model::BackboneRow row = tiny_row(Family::kDinov3, kind);
    expect_round_trip(row, info_for(TinyModel(row)), hf_dinov3(kind == FeedForward::kSwiglu).names());
  }
  const model::BackboneRow row = tiny_row(Family::kDinov3);
  expect_round_trip(row, info_for(TinyModel(row), kQueries, kClasses), hf_eomt_dinov3().names(), kQueries, kClasses);
}

at::Tensor read_whole(const TensorSource& source, const std::string& name) {
  const StoredTensor& stored = source.at(name);
  at::Tensor tensor = at::empty(stored.shape, at::kFloat);
  source.read(stored, 0, stored.numel(), ScalarType::kF32, tensor.data_ptr());
  return tensor;
}

TEST_F(ExportFormTest, TakesUpstreamEomtToTransformersWithoutChangingABit) {
  ForeignFile file = upstream_eomt();
  const TensorSource source = file.safetensors(folder("upstream") / "model.safetensors");
  const std::vector<model::BackboneRow> table{tiny_row(Family::kDinov2)};
  const Recognised recognised = recognise(source, table);
  const TinyModel model(recognised.row, kQueries, kClasses);
  const LoadPlan plan = plan_load(source, recognised.form, model);
  EXPECT_TRUE(export_hf(folder("hf"), recognised.row, supply_of(plan), recognised.info).deviations.empty());
  const TensorSource written = TensorSource::open(folder("hf"));
  EXPECT_EQ(written.tensors().size(), hf_eomt().names().size());
  const std::string backbone = "network.encoder.backbone.";
  EXPECT_TRUE(
      read_whole(written, "layers.1.attention.k_proj.weight").equal(file[backbone + "blocks.1.attn.qkv.weight"].narrow(0, kDim, kDim)));
  EXPECT_TRUE(read_whole(written, "embeddings.cls_token").equal(file[backbone + "cls_token"]));
  EXPECT_TRUE(read_whole(written, "embeddings.position_embeddings.weight").equal(file[backbone + "pos_embed"][0]));
  EXPECT_TRUE(read_whole(written, "embeddings.patch_embeddings.projection.weight").equal(file[backbone + "patch_embed.proj.weight"]));
  EXPECT_TRUE(read_whole(written, "upscale_block.block.1.conv1.weight").equal(file["network.upscale.1.conv1.weight"]));
  EXPECT_TRUE(read_whole(written, "mask_head.fc2.bias").equal(file["network.mask_head.2.bias"]));
}

TEST_F(ExportFormTest, TakesADeltaToTransformersAsItsSum) {
  ForeignFile delta = upstream_delta(), base = hf_dinov3();
  const TensorSource source = delta.safetensors(folder("delta") / "model.safetensors"),
                     base_source = base.safetensors(folder("base") / "model.safetensors");
  const std::vector<model::BackboneRow> table{tiny_row(Family::kDinov3)};
  Recognised recognised = recognise(source, table);
  recognised.info.transform.image_size = {48, 48};
  const TinyModel model(recognised.row, kQueries, kClasses);
  const LoadPlan plan = plan_load(source, recognised.form, model, &base_source);
  EXPECT_TRUE(export_hf(folder("hf"), recognised.row, supply_of(plan), recognised.info).deviations.empty());
  const TensorSource written = TensorSource::open(folder("hf"));
  EXPECT_EQ(written.tensors().size(), hf_eomt_dinov3().names().size());
  for (const char* name : {"attention.q_proj.bias", "attention.v_proj.weight", "mlp.up_proj.weight", "layer_scale2.lambda1"}) {
    EXPECT_TRUE(read_whole(written, std::string("layers.1.") + name)
                    .equal(base[std::string("layer.1.") + name] + delta[std::string("network.encoder.backbone.blocks.1.") + name]))
        << name;
  }
  EXPECT_TRUE(read_whole(written, "class_predictor.bias").equal(delta["network.class_head.bias"]));
}

TEST_F(ExportFormTest, GoesToMetaAndBackWithoutChangingABit) {
  for (const Family family : {Family::kDinov2, Family::kDinov3}) {
    const model::BackboneRow row = tiny_row(family);
    ForeignFile file = family == Family::kDinov2 ? meta_dinov2(4) : meta_dinov3();
    const TensorSource source = file.torch(folder_.path() / "a.pth");
    const TinyModel model(row);
    const LoadPlan plan = plan_load(source, recognise_form(source), model);
    for (const char* name : {"b.pth", "b.safetensors"}) {
      export_meta(folder_.path() / name, row, supply_of(plan));
      const TensorSource written = TensorSource::open(folder_.path() / name);
      EXPECT_EQ(written.format(), name == std::string("b.pth") ? "torch" : "safetensors");
      EXPECT_EQ(written.hash(), source.hash()) << "of names, types, shapes and bytes";
    }
  }
}

TEST_F(ExportFormTest, BakesPositionsOfEomtAtTheImagesSize) {
  const model::BackboneRow row = tiny_row(Family::kDinov2);
  const TinyModel model(row, kQueries, kClasses);
  model.fill_as_hf();
  WeightsInfo info = info_for(model, kQueries, kClasses);
  info.transform.image_size = {84, 84};
  export_hf(folder("hf"), row, supply_of(model.stored()), info);
  const TensorSource source = TensorSource::open(folder("hf"));
  at::Tensor table = at::empty({36, kDim}, at::kFloat), token = at::empty({1, 1, kDim}, at::kFloat);
  ASSERT_EQ(source.at("embeddings.position_embeddings.weight").shape, (std::vector<std::int64_t>{36, kDim}));
  source.read(source.at("embeddings.position_embeddings.weight"), 0, table.numel(), ScalarType::kF32, table.data_ptr());
  source.read(source.at("embeddings.cls_token"), 0, kDim, ScalarType::kF32, token.data_ptr());
  const at::Tensor whole = model::position_at_grid(model["backbone.pos_embed"], row, model::position_resize(row, "hf"), 6, 6);
  EXPECT_TRUE(table.equal(whole[0].narrow(0, 1, 36)));
  EXPECT_TRUE(token.equal(model["backbone.cls_token"] + whole.narrow(1, 0, 1)));

  info.transform.image_size = {80, 80};
  EXPECT_THROW(export_hf(folder("hf"), row, supply_of(model.stored()), info), ConfigError) << "no multiple of the patch";
  info.image_rules.patch_remainder = "resize_up";
  const ExportReport report = export_hf(folder("hf"), row, supply_of(model.stored()), info);
  ASSERT_EQ(report.deviations.size(), 1U);
  EXPECT_THAT(report.deviations[0], HasSubstr("84 x 84 pixels, to which images of 80 x 80"));
  info.transform.image_size = {84, 70};
  EXPECT_THROW(export_hf(folder("hf"), row, supply_of(model.stored()), info), ConfigError) << "not square";
  export_hf(folder("hf"), row, supply_of(model.stored()), info, {.dtype = {}, .image_size = 28});
  EXPECT_EQ(TensorSource::open(folder("hf")).at("embeddings.position_embeddings.weight").shape[0], 4);
}

TEST_F(ExportFormTest, OfAnotherUpscaleEpsilonNeedsAllowInexact) {
  const model::BackboneRow row = tiny_row(Family::kDinov3);
  const TinyModel model(row, kQueries, kClasses);
  model.fill_as_hf();
  WeightsInfo info = info_for(model, kQueries, kClasses);
  info.upscale_norm_eps = 1e-5;
  try {
    export_hf(folder("hf"), row, supply_of(model.stored()), info);
    FAIL();
  } catch (const ConfigError& error) {
    EXPECT_THAT(error.what(), HasSubstr("epsilon 1e-05, that of transformers is fixed at 1e-06"));
    EXPECT_THAT(error.what(), HasSubstr("allow_inexact=true"));
  }
  EXPECT_FALSE(std::filesystem::exists(folder("hf"))) << "nothing is written before that is decided";
  const ExportReport report = export_hf(folder("hf"), row, supply_of(model.stored()), info, {.dtype = {}, .allow_inexact = true});
  ASSERT_EQ(report.deviations.size(), 1U);
  EXPECT_THAT(report.deviations[0], HasSubstr("1.00045 where their variance is 0.01"));
}

TEST_F(ExportFormTest, StoresBiasesAsTheirMaskLetsThemAct) {
  const model::BackboneRow row = tiny_row(Family::kDinov3);
  const TinyModel model(row);
  model.fill_as_hf();
  model["backbone.blocks.0.attn.qkv.bias_mask"].zero_();  // as in Meta's published files
  export_hf(folder("hf"), row, supply_of(model.stored()), info_for(model));
  const TensorSource source = TensorSource::open(folder("hf"));
  at::Tensor bias = at::ones({kDim}, at::kFloat);
  source.read(source.at("layer.0.attention.v_proj.bias"), 0, kDim, ScalarType::kF32, bias.data_ptr());
  EXPECT_TRUE(bias.eq(0).all().item<bool>());
  source.read(source.at("layer.1.attention.v_proj.bias"), 0, kDim, ScalarType::kF32, bias.data_ptr());
  EXPECT_TRUE(bias.equal(model["backbone.blocks.1.attn.qkv.bias"].narrow(0, 2 * kDim, kDim)));

  model["backbone.blocks.1.attn.qkv.bias_mask"].fill_(1);
  model["backbone.blocks.1.attn.qkv.bias"].fill_(0.5);
  EXPECT_THROW(export_hf(folder("hf"), row, supply_of(model.stored()), info_for(model)), ConfigError) << "transformers has no bias on k";
  model["backbone.rope_embed.periods"].mul_(1.01);
  const ExportReport report =
      export_hf(folder("hf"), row, supply_of(model.stored()), info_for(model), {.dtype = {}, .allow_inexact = true});
  EXPECT_EQ(report.deviations.size(), 2U) << "the bias, and periods that transformers computes";
}

TEST_F(ExportFormTest, SplitsLargeFilesWithAnIndexAndLeavesNoneOfAnEarlierExport) {
  const model::BackboneRow row = tiny_row(Family::kDinov3);
  const TinyModel model(row), again(row);
  model.fill_as_hf();
  const ExportReport report =
      export_hf(folder("hf"), row, supply_of(model.stored()), info_for(model), {.dtype = {}, .max_shard_bytes = 30'000});
  EXPECT_GT(report.files.size(), 4U);
  EXPECT_TRUE(std::filesystem::exists(folder("hf") / "model.safetensors.index.json"));
  EXPECT_FALSE(std::filesystem::exists(folder("hf") / "model.safetensors"));
  const TensorSource source = TensorSource::open(folder("hf"));
  load(plan_load(source, recognise_form(source), again), again.stored());
  EXPECT_TRUE(again["backbone.blocks.1.mlp.fc1.weight"].equal(model["backbone.blocks.1.mlp.fc1.weight"]));

  export_hf(folder("hf"), row, supply_of(model.stored()), info_for(model));
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder("hf"))) {
    files.push_back(entry.path().filename());
  }
  EXPECT_THAT(files, testing::UnorderedElementsAre("config.json", "model.safetensors"));
}

TEST_F(ExportFormTest, CastsToTheWantedType) {
  const model::BackboneRow row = tiny_row(Family::kDinov3);
  const TinyModel model(row);
  model.fill_as_hf();
  export_hf(folder("hf"), row, supply_of(model.stored()), info_for(model), {.dtype = ScalarType::kBF16});
  const TensorSource source = TensorSource::open(folder("hf"));
  EXPECT_EQ(source.at("norm.weight").dtype, ScalarType::kBF16);
  EXPECT_EQ(source.config().at("dtype").as_string(), "bfloat16");
  at::Tensor norm = at::empty({kDim}, at::kBFloat16);
  source.read(source.at("norm.weight"), 0, kDim, ScalarType::kBF16, norm.data_ptr());
  EXPECT_TRUE(norm.equal(model["backbone.norm.weight"].to(at::kBFloat16)));
}

TEST_F(ExportFormTest, WritesTheConfigurationOfTransformers) {
  const model::BackboneRow row = tiny_row(Family::kDinov3, FeedForward::kSwiglu);
  const TinyModel model(row, kQueries, kClasses);
  model.fill_as_hf();
  const WeightsInfo info = info_for(model, kQueries, kClasses);
  EXPECT_THROW(export_hf(folder("hf"), row, supply_of(model.stored()), info), ConfigError) << "one activation for the gate and the heads";
  const ExportReport report = export_hf(folder("hf"), row, supply_of(model.stored()), info, {.dtype = {}, .allow_inexact = true});
  EXPECT_EQ(report.deviations.size(), 1U);
  const io::Value config = io::read_value_file(folder("hf") / "config.json");
  EXPECT_EQ(config.at("architectures").as_list().at(0).as_string(), "EomtDinov3ForUniversalSegmentation");
  EXPECT_EQ(config.at("model_type").as_string(), "eomt_dinov3");
  EXPECT_EQ(config.at("hidden_size").as_int(), kDim);
  EXPECT_EQ(config.at("intermediate_size").as_int(), kGiantHidden);
  EXPECT_TRUE(config.at("use_gated_mlp").as_bool());
  EXPECT_EQ(config.at("num_blocks").as_int(), 1);
  EXPECT_EQ(config.at("num_queries").as_int(), kQueries);
  EXPECT_EQ(config.at("num_upscale_blocks").as_int(), 2);
  EXPECT_EQ(config.at("image_size").as_int(), 48);
  EXPECT_EQ(config.at("layer_norm_eps").as_double(), 1e-5) << "the class's default is 1e-6";
  EXPECT_EQ(config.at("id2label").at("1").as_string(), "class-1");
  EXPECT_EQ(config.at("hidden_act").as_string(), "silu");
  const std::vector<model::BackboneRow> table{row};
  EXPECT_THROW(recognise(TensorSource::open(folder("hf")), table), DataError) << "heads with SiLU";
}

TEST_F(ExportFormTest, RefusesWhatTheTargetCannotSay) {
  model::BackboneRow row = tiny_row(Family::kDinov2);
  row.hidden = 40;  // 2.5 times the width
  const TinyModel model(row);
  model.fill_as_hf();
  EXPECT_THROW(export_hf(folder("hf"), row, supply_of(model.stored()), info_for(model)), ConfigError);
  const TinyModel eomt(tiny_row(Family::kDinov3), kQueries, kClasses);
  EXPECT_THROW(export_meta(folder_.path() / "a.pth", eomt.backbone(), supply_of(eomt.stored())), ConfigError);
  EXPECT_THROW(export_meta(folder_.path() / "a.bin", row, supply_of(model.stored())), ConfigError);
}

}  // namespace
}  // namespace muster::weights
