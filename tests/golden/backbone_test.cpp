// The backbones against transformers, LightlyTrain and timm: features and every parameter's gradient, DINOv2's position table
// among them.
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include "golden/golden_case.hpp"
#include "model/backbone.hpp"
#include "model/eomt_head.hpp"
#include "model/plain_runner.hpp"

namespace muster::golden {
namespace {

// A case's backbone with its parameters, and the final norm.
class BareBackbone {
 public:
  BareBackbone(const Case& golden, const model::EomtOptions& options, Precision precision)
      : backbone_(golden.backbone(), options, 0, {.dtype = precision.type}),
        head_(std::make_shared<const model::HeadUnit>(
            model::HeadShape{.dim = golden.backbone().dim, .norm_eps = golden.backbone().norm_eps})),
        store_(units(), at::TensorOptions(precision.type)) {
    golden.load(store_, backbone_.buffers());
  }

  model::ParameterStore& store() { return store_; }

  at::Tensor tokens(const Case& golden) {
    model::PlainRunner runner(store_);
    const model::PassKey key = golden.says("seed") ? golden.pass_key() : model::PassKey{};  // a seed: train mode, RoPE rescaled
    model::BlockContext context;
    at::Tensor tokens = backbone_.stem(runner, golden.tensor("input.images"), context, key);
    for (int i = 0; i < backbone_.row().depth; ++i) {
      tokens = backbone_.block(runner, i, tokens, context, key);
    }
    return runner.run(model::FinalNormBlock(head_), {tokens}, context, key).at(0);
  }

 private:
  std::vector<model::UnitSpec> units() const {
    std::vector<model::UnitSpec> units = backbone_.units();
    units.push_back(head_->spec);
    return units;
  }

  model::Backbone backbone_;
  std::shared_ptr<const model::HeadUnit> head_;
  model::ParameterStore store_;
};

class BackboneParity : public testing::TestWithParam<std::tuple<std::string, Precision>> {};

TEST_P(BackboneParity, HasTheFeaturesAndGradientsOfItsReference) {
  const auto [file, precision] = GetParam();
  const Case golden(file);
  BareBackbone ours(golden, golden.eomt_options(), precision);
  const at::Tensor tokens = ours.tokens(golden);
  const std::vector<model::NamedTensor> features = model::named_features(tokens, 0, golden.backbone().storage_tokens);
  EXPECT_EQ(features.size(), golden.names("output.").size());
  for (const model::NamedTensor& feature : features) {
    golden.expect_near("output." + feature.name, feature.tensor, precision);
  }

  ours.store().zero_grad();
  (tokens * golden.tensor("input.projection").to(precision.type)).sum().backward();
  golden.expect_gradients(ours.store(), precision);
}

INSTANTIATE_TEST_SUITE_P(Golden, BackboneParity,
                         testing::Combine(testing::Values("dinov3_vit_mlp", "dinov3_vit_swiglu", "hf_dinov2", "hf_dinov2_resized",
                                                          "hf_dinov2_registers_resized", "hf_dinov2_registers_swiglu", "lt_dinov2_resized",
                                                          "lt_dinov2_registers_resized", "lt_dinov3_tplus", "lt_dinov3_hplus",
                                                          "lt_dinov3_7b", "timm_dinov2_resized", "timm_dinov2_swiglu_resized"),
                                          testing::Values(kDouble, kFloat)),
                         [](const auto& suite) { return std::get<0>(suite.param) + "_" + name_of(std::get<1>(suite.param)); });

// So the comparison above would see the wrong form.
TEST(BackboneForms, DifferOffTheTablesGridWithoutRegistersAlone) {
  const c10::NoGradGuard no_gradient;
  const auto other_form = [](const std::string& file) {
    const Case golden(file);
    model::EomtOptions options = golden.eomt_options();
    EXPECT_EQ(options.form, "hf");
    options.form = "upstream";
    const at::Tensor patches =
        model::named_features(BareBackbone(golden, options, kDouble).tokens(golden), 0, golden.backbone().storage_tokens).back().tensor;
    return (patches - golden.tensor("output.patches")).abs().max().item<double>();
  };
  EXPECT_GT(other_form("hf_dinov2_resized"), 1e-2);
  EXPECT_LT(other_form("hf_dinov2_registers_resized"), 1e-10);
  EXPECT_LT(other_form("hf_dinov2"), 1e-10);
}

}  // namespace
}  // namespace muster::golden
