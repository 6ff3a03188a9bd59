// EoMT on both backbones against LightlyTrain and transformers. A training step: K + 1 predictions, attention masks, matches,
// loss terms and every parameter's gradient, with RoPE rescale, annealing and points drawn by our own code. Eval mode, with and
// without attention masks.
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include "golden/golden_case.hpp"
#include "model/eomt.hpp"
#include "model/mask_loss.hpp"
#include "model/plain_runner.hpp"

namespace muster::golden {
namespace {

class JointModel : public testing::TestWithParam<std::tuple<std::string, Precision>> {
 protected:
  const Precision precision_ = std::get<1>(GetParam());
  const Case golden_{std::get<0>(GetParam())};
  const model::BackboneRow row_ = golden_.backbone();
  const int classes_ = golden_.integer("classes");
  const model::EomtOptions options_ = golden_.eomt_options();
  const model::EomtModel model_{std::string(row_.name) + "-eomt", row_, options_, classes_, {.dtype = precision_.type}};
  model::ParameterStore store_{model_.units(), at::TensorOptions(precision_.type)};
  model::PlainRunner runner_{store_};

  void SetUp() override { golden_.load(store_, model_.buffers()); }

  std::vector<double> probabilities() const {
    std::vector<double> result;
    const io::Value list = golden_.value("mask_probabilities");
    for (const io::Value& p : list.as_list()) {
      result.push_back(p.as_double());
    }
    return result;
  }
};

TEST_P(JointModel, TrainsWithTheValuesAndGradientsOfItsReference) {
  const model::PassKey key = golden_.pass_key();
  const model::EomtOutput output = model_.forward(runner_, golden_.tensor("input.images"), key, probabilities());
  ASSERT_EQ(output.predictions.size(), static_cast<std::size_t>(model_.joint_blocks()) + 1);
  for (std::size_t k = 0; k < output.attention_masks.size(); ++k) {
    const at::Tensor theirs =
        golden_.tensor("draw.attention." + std::to_string(row_.depth - model_.joint_blocks() + static_cast<int>(k))).to(at::kBool);
    EXPECT_TRUE(output.attention_masks[k].equal(theirs)) << "attention mask of joint block " << k;
    EXPECT_TRUE(theirs.any().item<bool>() && !theirs.all().item<bool>());
  }

  const model::MaskLoss loss(golden_.loss_options(), {}, classes_, options_.num_queries);
  const model::MaskTargets targets = model::masks_of_classes(golden_.tensor("input.label_maps"), classes_);
  const model::MaskLossDenominators divisors = loss.denominators(targets);
  const model::RandomPoints points(key);
  at::Tensor total = at::zeros({}, precision_.type);
  for (std::size_t layer = 0; layer < output.predictions.size(); ++layer) {
    const std::string suffix = "." + std::to_string(layer);
    const auto& [mask_logits, class_logits] = output.predictions[layer];
    golden_.expect_near("output.mask_logits" + suffix, mask_logits, precision_);
    golden_.expect_near("output.class_logits" + suffix, class_logits, precision_);
    const int number = static_cast<int>(layer);
    golden_.expect_matched("draw.matched" + suffix + ".",
                           model::match_masks(mask_logits, class_logits, targets, loss.options(), false, number, points));
    const model::MaskLossTerms terms = loss.terms(number, mask_logits, class_logits, targets, points);
    golden_.expect_near("output.loss_mask" + suffix, terms.mask / divisors.masks, precision_);
    golden_.expect_near("output.loss_dice" + suffix, terms.dice / divisors.masks, precision_);
    golden_.expect_near("output.loss_class" + suffix, terms.classes / divisors.classes, precision_);
    total = total + loss.weighted(terms, divisors);
  }
  golden_.expect_near("output.loss", total, precision_);

  store_.zero_grad();
  total.backward();
  golden_.expect_gradients(store_, precision_);
}

TEST_P(JointModel, EvaluatesToTheLogitsOfItsReference) {
  const c10::NoGradGuard no_gradient;
  const model::EomtOutput output = model_.forward(runner_, golden_.tensor("input.images"), model::PassKey{}, probabilities());
  ASSERT_EQ(output.predictions.size(), 1u);
  golden_.expect_near("output.eval.mask_logits", output.predictions[0].mask_logits, precision_);
  golden_.expect_near("output.eval.class_logits", output.predictions[0].class_logits, precision_);
}

// What transformers does in eval mode while a file's attn_mask_probs are not 0.
class MaskedEvaluation : public JointModel {};

TEST_P(MaskedEvaluation, MakesEveryPredictionOfTransformers) {
  const c10::NoGradGuard no_gradient;
  const model::EomtOutput output = model_.forward(runner_, golden_.tensor("input.images"), model::PassKey{},
                                                  model::MaskPlan{.every_prediction = true, .probabilities = {}, .given = {}});
  ASSERT_EQ(output.predictions.size(), static_cast<std::size_t>(model_.joint_blocks()) + 1);
  ASSERT_EQ(2 * output.predictions.size(), golden_.names("output.masked.").size());
  for (std::size_t i = 0; i < output.predictions.size(); ++i) {
    const std::string suffix = i + 1 == output.predictions.size() ? "" : "." + std::to_string(i);
    golden_.expect_near("output.masked.mask_logits" + suffix, output.predictions[i].mask_logits, precision_);
    golden_.expect_near("output.masked.class_logits" + suffix, output.predictions[i].class_logits, precision_);
  }
}

std::string case_name(const testing::TestParamInfo<JointModel::ParamType>& suite) {
  return std::get<0>(suite.param) + "_" + name_of(std::get<1>(suite.param));
}
INSTANTIATE_TEST_SUITE_P(Golden, JointModel,
                         testing::Combine(testing::Values("lightly_train_eomt_mlp", "lightly_train_eomt_swiglu",
                                                          "lightly_train_eomt_dinov2", "lightly_train_eomt_dinov2_registers",
                                                          "hf_eomt_dinov2", "hf_eomt_dinov3"),
                                          testing::Values(kDouble, kFloat)),
                         case_name);
INSTANTIATE_TEST_SUITE_P(Golden, MaskedEvaluation,
                         testing::Combine(testing::Values("hf_eomt_dinov2", "hf_eomt_dinov3"), testing::Values(kDouble, kFloat)),
                         case_name);

}  // namespace
}  // namespace muster::golden
