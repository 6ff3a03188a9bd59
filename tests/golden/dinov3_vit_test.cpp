// The DINOv3 backbone against transformers' dinov3_vit: features and every parameter's gradient.
#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include "golden/golden_case.hpp"
#include "model/backbone.hpp"
#include "model/eomt_head.hpp"
#include "model/plain_runner.hpp"

namespace muster::golden {
namespace {

class DinoV3Backbone : public testing::TestWithParam<std::tuple<std::string, Precision>> {};

TEST_P(DinoV3Backbone, HasTheFeaturesAndGradientsOfTransformers) {
  const auto [file, precision] = GetParam();
  const Case golden(file);
  const model::BackboneRow row = golden.backbone();
  const model::Backbone backbone(row, model::EomtOptions{}, 0, {.dtype = precision.type});
  const auto head = std::make_shared<const model::HeadUnit>(model::HeadShape{.dim = row.dim, .norm_eps = row.norm_eps});
  std::vector<model::UnitSpec> units = backbone.units();
  units.push_back(head->spec);
  model::ParameterStore store(units, at::TensorOptions(precision.type));
  golden.load(store, backbone.buffers());

  model::PlainRunner runner(store);
  const model::PassKey key;
  model::BlockContext context;
  at::Tensor tokens = backbone.stem(runner, golden.tensor("input.images"), context, key);
  for (int i = 0; i < row.depth; ++i) {
    tokens = backbone.block(runner, i, tokens, context, key);
  }
  tokens = runner.run(model::FinalNormBlock(head), {tokens}, context, key).at(0);
  for (const model::NamedTensor& output : model::named_features(tokens, 0, row.storage_tokens)) {
    golden.expect_near("output." + output.name, output.tensor, precision);
  }

  store.zero_grad();
  (tokens * golden.tensor("input.projection").to(precision.type)).sum().backward();
  golden.expect_gradients(store, precision);
}

INSTANTIATE_TEST_SUITE_P(Golden, DinoV3Backbone,
                         testing::Combine(testing::Values("dinov3_vit_mlp", "dinov3_vit_swiglu"), testing::Values(kDouble, kFloat)),
                         [](const auto& suite) { return std::get<0>(suite.param) + "_" + name_of(std::get<1>(suite.param)); });

}  // namespace
}  // namespace muster::golden
