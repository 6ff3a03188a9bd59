// The joint model in a training step against LightlyTrain 0.18: K + 1 predictions, attention masks, matches, loss terms and
// every parameter's gradient, with RoPE rescale, annealing and points drawn by our own code.
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
  const model::EomtOptions options_ = eomt_options(golden_);
  const model::EomtModel model_{"dinov3/tiny-eomt", row_, options_, classes_, {.dtype = precision_.type}};
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

TEST_P(JointModel, TrainsWithTheValuesAndGradientsOfLightlyTrain) {
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

TEST_P(JointModel, EvaluatesToTheLogitsOfLightlyTrain) {
  const c10::NoGradGuard no_gradient;
  const model::EomtOutput output = model_.forward(runner_, golden_.tensor("input.images"), model::PassKey{}, probabilities());
  ASSERT_EQ(output.predictions.size(), 1u);
  golden_.expect_near("output.eval.mask_logits", output.predictions[0].mask_logits, precision_);
  golden_.expect_near("output.eval.class_logits", output.predictions[0].class_logits, precision_);
}

INSTANTIATE_TEST_SUITE_P(Golden, JointModel,
                         testing::Combine(testing::Values("lightly_train_eomt_mlp", "lightly_train_eomt_swiglu"),
                                          testing::Values(kDouble, kFloat)),
                         [](const auto& suite) { return std::get<0>(suite.param) + "_" + name_of(std::get<1>(suite.param)); });

}  // namespace
}  // namespace muster::golden
