// The backbones against transformers and LightlyTrain: features and every parameter's gradient, DINOv2's position table among them.
#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include "golden/golden_case.hpp"
#include "model/backbone.hpp"
#include "model/eomt_head.hpp"
#include "model/plain_runner.hpp"

namespace muster::golden {
namespace {

class BackboneParity : public testing::TestWithParam<std::tuple<std::string, Precision>> {};

TEST_P(BackboneParity, HasTheFeaturesAndGradientsOfItsReference) {
  const auto [file, precision] = GetParam();
  const Case golden(file);
  const model::BackboneRow row = golden.backbone();
  const model::Backbone backbone(row, golden.eomt_options(), 0, {.dtype = precision.type});
  const auto head = std::make_shared<const model::HeadUnit>(model::HeadShape{.dim = row.dim, .norm_eps = row.norm_eps});
  std::vector<model::UnitSpec> units = backbone.units();
  units.push_back(head->spec);
  model::ParameterStore store(units, at::TensorOptions(precision.type));
  golden.load(store, backbone.buffers());

  model::PlainRunner runner(store);
  const model::PassKey key = golden.says("seed") ? golden.pass_key() : model::PassKey{};  // a seed: train mode, RoPE rescaled
  model::BlockContext context;
  at::Tensor tokens = backbone.stem(runner, golden.tensor("input.images"), context, key);
  for (int i = 0; i < row.depth; ++i) {
    tokens = backbone.block(runner, i, tokens, context, key);
  }
  tokens = runner.run(model::FinalNormBlock(head), {tokens}, context, key).at(0);
  const std::vector<model::NamedTensor> features = model::named_features(tokens, 0, row.storage_tokens);
  EXPECT_EQ(features.size(), golden.names("output.").size());
  for (const model::NamedTensor& feature : features) {
    golden.expect_near("output." + feature.name, feature.tensor, precision);
  }

  store.zero_grad();
  (tokens * golden.tensor("input.projection").to(precision.type)).sum().backward();
  golden.expect_gradients(store, precision);
}

INSTANTIATE_TEST_SUITE_P(Golden, BackboneParity,
                         testing::Combine(testing::Values("dinov3_vit_mlp", "dinov3_vit_swiglu", "hf_dinov2", "hf_dinov2_resized",
                                                          "hf_dinov2_registers_resized", "hf_dinov2_registers_swiglu", "lt_dinov2_resized",
                                                          "lt_dinov2_registers_resized", "lt_dinov3_tplus", "lt_dinov3_hplus",
                                                          "lt_dinov3_7b", "timm_dinov2_resized", "timm_dinov2_swiglu_resized"),
                                          testing::Values(kDouble, kFloat)),
                         [](const auto& suite) { return std::get<0>(suite.param) + "_" + name_of(std::get<1>(suite.param)); });

}  // namespace
}  // namespace muster::golden
