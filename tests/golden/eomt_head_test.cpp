// Heads, matching and loss against transformers' eomt: a token sequence in, loss terms and gradients out.
#include <ATen/TensorOperators.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include "golden/golden_case.hpp"
#include "model/eomt_head.hpp"
#include "model/mask_loss.hpp"
#include "model/plain_runner.hpp"

namespace muster::golden {
namespace {

class EomtHeads : public testing::TestWithParam<Precision> {};

TEST_P(EomtHeads, HaveTheLossTermsAndGradientsOfTransformers) {
  const Precision precision = GetParam();
  const Case golden("eomt_head");
  const int classes = golden.integer("classes"), queries = golden.integer("queries");
  const auto head = std::make_shared<const model::HeadUnit>(model::HeadShape{.dim = golden.integer("embed_dim"),
                                                                             .norm_eps = golden.number("norm_eps"),
                                                                             .num_queries = queries,
                                                                             .num_classes = classes,
                                                                             .upscale_eps = golden.number("upscale_norm_eps")});
  model::ParameterStore store(std::vector{head->spec}, at::TensorOptions(precision.type));
  golden.load(store, {});
  model::PlainRunner runner(store);
  store.zero_grad();

  const model::PassKey key = golden.pass_key();
  model::BlockContext context;
  context.grid_height = context.grid_width = golden.integer("grid");
  const model::MaskLoss loss(golden.loss_options(), {}, classes, queries);
  const model::MaskTargets targets = model::masks_of_classes(golden.tensor("input.label_maps"), classes);
  const model::RandomPoints points(key);
  const model::MaskLossDenominators divisors = loss.denominators(targets);

  std::vector<at::Tensor> tokens, mask_logits, class_logits;
  at::Tensor total = at::zeros({}, precision.type);
  for (int layer = 0; layer < golden.integer("layers"); ++layer) {
    const std::string suffix = "." + std::to_string(layer);
    tokens.push_back(golden.tensor("input.tokens" + suffix).to(precision.type).requires_grad_(true));
    const model::TensorList logits = runner.run(model::PredictionBlock(head), {tokens.back()}, context, key);
    golden.expect_near("output.mask_logits" + suffix, logits[0], precision);
    golden.expect_near("output.class_logits" + suffix, logits[1], precision);
    mask_logits.push_back(logits[0]);
    class_logits.push_back(logits[1]);
    mask_logits.back().retain_grad();
    class_logits.back().retain_grad();

    const model::MaskLossTerms terms = loss.terms(layer, logits[0], logits[1], targets, points);
    golden.expect_near("output.loss_mask" + suffix, terms.mask / divisors.masks, precision);
    golden.expect_near("output.loss_dice" + suffix, terms.dice / divisors.masks, precision);
    golden.expect_near("output.loss_class" + suffix, terms.classes / divisors.classes, precision);
    total = total + loss.weighted(terms, divisors);
  }
  golden.expect_near("output.loss", total, precision);

  total.backward();
  for (std::size_t layer = 0; layer < tokens.size(); ++layer) {
    const std::string suffix = "." + std::to_string(layer);
    golden.expect_near("grad.tokens" + suffix, tokens[layer].grad(), precision);
    golden.expect_near("grad.mask_logits" + suffix, mask_logits[layer].grad(), precision);
    golden.expect_near("grad.class_logits" + suffix, class_logits[layer].grad(), precision);
  }
  golden.expect_gradients(store, precision, {"queries.weight"});  // the queries are the first tokens of the input
}

TEST_P(EomtHeads, MatchTheTargetsThatTransformersMatches) {
  const Precision precision = GetParam();
  const Case golden("eomt_head");
  const model::MaskTargets targets = model::masks_of_classes(golden.tensor("input.label_maps"), golden.integer("classes"));
  const model::RandomPoints points(golden.pass_key());
  for (int layer = 0; layer < golden.integer("layers"); ++layer) {
    const std::string suffix = "." + std::to_string(layer);
    const model::Matching matching = model::match_masks(golden.tensor("output.mask_logits" + suffix).to(precision.type),
                                                        golden.tensor("output.class_logits" + suffix).to(precision.type), targets,
                                                        golden.loss_options(), false, layer, points);
    golden.expect_matched("draw.matched" + suffix + ".", matching);
  }
}

TEST_P(EomtHeads, MatchAsTransformersDoesWhereTargetsOutnumberQueries) {
  const Precision precision = GetParam();
  const Case golden("eomt_head");
  const at::Tensor class_logits = golden.tensor("input.many.class_logits").to(precision.type);
  const model::MaskTargets targets = model::masks_of_classes(golden.tensor("input.many.label_map"), class_logits.size(2) - 1);
  ASSERT_GT(static_cast<std::int64_t>(targets[0].labels.size()), class_logits.size(1));
  model::PassKey key = golden.pass_key();
  key.sample_ids = {77};
  const model::Matching matching = model::match_masks(golden.tensor("input.many.mask_logits").to(precision.type), class_logits, targets,
                                                      golden.loss_options(), false, 0, model::RandomPoints(key));
  EXPECT_EQ(matching.matched(), class_logits.size(1));
  golden.expect_matched("output.many.matched.", matching);
}

INSTANTIATE_TEST_SUITE_P(Golden, EomtHeads, testing::Values(kDouble, kFloat), [](const auto& suite) { return name_of(suite.param); });

}  // namespace
}  // namespace muster::golden
