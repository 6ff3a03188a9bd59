#include "model/eomt.hpp"

#include <gtest/gtest.h>

#include <ATen/CPUGeneratorImpl.h>

#include "gradient_check.hpp"
#include "model/initialisation.hpp"
#include "model/parameters.hpp"
#include "model/plain_runner.hpp"
#include "model/rope.hpp"
#include "tiny_model.hpp"

namespace muster::model {
namespace {

EomtOptions tiny_options() {
  EomtOptions options;
  options.num_queries = 5;
  options.layerscale_init = 0.5;  // so that every block counts
  return options;
}

// EoMT over the tiny backbone in double, 5 queries, 3 classes, 2 joint blocks.
struct TinyEomt {
  explicit TinyEomt(EomtOptions options = tiny_options(), std::uint64_t seed = 1, const BackboneRow& row = tiny_backbone())
      : model("dinov3/tiny-eomt", row, options, 3, {.dtype = at::kDouble}), store(model.units(), at::kDouble), runner(store) {
    initialise(store, model.units(), seed);
  }

  EomtOutput train(const at::Tensor& images, std::vector<double> probabilities = {1, 1}) {
    return model.forward(runner, images, training_key(images.size(0)), probabilities);
  }
  EomtOutput evaluate(const at::Tensor& images) { return model.forward(runner, images, PassKey{}, MaskPlan{}); }

  EomtModel model;
  ParameterStore store;
  PlainRunner runner;
};

at::Tensor total(const EomtOutput& output) {
  at::Tensor sum = at::zeros({}, at::kDouble);
  int layer = 1;
  for (const Prediction& p : output.predictions) {
    sum = sum + layer++ * (p.mask_logits.tanh().sum() + p.class_logits.log_softmax(-1).select(-1, 0).sum());
  }
  return sum;
}

TEST(EomtModel, TrainsWithOnePredictionPerJointBlockAndOneMore) {
  TinyEomt eomt;
  const EomtOutput output = eomt.train(random_tensor("images", {2, 3, 9, 14}));
  ASSERT_EQ(output.predictions.size(), 3u);
  ASSERT_EQ(output.attention_masks.size(), 2u);
  for (const Prediction& p : output.predictions) {
    EXPECT_EQ(p.mask_logits.sizes(), at::IntArrayRef({2, 5, 8, 12}));  // four times the grid of 2 x 3
    EXPECT_EQ(p.class_logits.sizes(), at::IntArrayRef({2, 5, 4}));
  }
  EXPECT_EQ(output.tokens.sizes(), at::IntArrayRef({2, 5 + 3 + 6, 16}));
}

TEST(EomtModel, EvaluatesWithTheLastPredictionAndNoMasks) {
  TinyEomt eomt;
  const at::Tensor images = random_tensor("images", {2, 3, 8, 12});
  const EomtOutput output = eomt.evaluate(images);
  ASSERT_EQ(output.predictions.size(), 1u);
  EXPECT_TRUE(output.attention_masks.empty());
  PassKey no_draws = training_key(2);
  no_draws.training = false;
  const EomtOutput unmasked =
      eomt.model.forward(eomt.runner, images, no_draws, MaskPlan{.every_prediction = true, .probabilities = {0, 0}, .given = {}});
  EXPECT_TRUE(at::equal(unmasked.predictions.back().mask_logits, output.predictions[0].mask_logits));
}

TEST(EomtModel, MasksComeFromThePredictionBeforeAndVanishWithTheirProbability) {
  TinyEomt eomt;
  const at::Tensor images = random_tensor("images", {3, 3, 8, 12});
  const EomtOutput masked = eomt.train(images, {1, 0.5});
  EXPECT_TRUE(
      at::equal(masked.attention_masks[0], at::upsample_bilinear2d(masked.predictions[0].mask_logits, {2, 3}, false).gt(0).flatten(2)));
  const at::Tensor full = at::upsample_bilinear2d(masked.predictions[1].mask_logits, {2, 3}, false).gt(0).flatten(2);
  const at::Tensor opened = masked.attention_masks[1].all(-1).logical_and(full.all(-1).logical_not());
  EXPECT_TRUE(opened.any().item<bool>()) << "some masks are off";
  EXPECT_TRUE(masked.attention_masks[1].eq(full).all(-1).logical_and(full.all(-1).logical_not()).any().item<bool>()) << "some are on";
  EXPECT_FALSE(eomt.train(images, {0, 0}).attention_masks[0].defined());
  const EomtOutput given = eomt.model.forward(eomt.runner, images, training_key(3),
                                              MaskPlan{.every_prediction = true, .probabilities = {}, .given = masked.attention_masks});
  EXPECT_TRUE(at::equal(given.predictions.back().mask_logits, masked.predictions.back().mask_logits));
}

TEST(EomtModel, GradientsAgreeWithFiniteDifferences) {
  TinyEomt eomt;
  const at::Tensor images = random_tensor("images", {1, 3, 8, 8});
  // With given masks the function is smooth.
  const MaskPlan plan{.every_prediction = true, .probabilities = {}, .given = eomt.train(images).attention_masks};
  TensorList leaves;
  for (const std::string& name : eomt.store.names()) {
    if (eomt.store.tensor(name).requires_grad()) {
      leaves.push_back(eomt.store.tensor(name));
    }
  }
  expect_gradients(
      leaves, [&] { return total(eomt.model.forward(eomt.runner, images, training_key(1), plan)); }, 1e-5, 2);
}

TEST(EomtModel, StandsOnDinov2Too) {
  for (const BackboneRow& row :
       {tiny_dinov2(0), varied(tiny_dinov2(2, FeedForward::kPackedSwiglu), {.patch = 8, .class_position = false})}) {
    TinyEomt eomt(tiny_options(), 1, row);
    for (const char* token : {"backbone.cls_token", "backbone.register_tokens"}) {
      if (eomt.store.contains(token)) {  // not as tiny as they start, where a norm is too curved for differences
        const at::NoGradGuard no_grad;
        eomt.store.tensor(token).copy_(random_tensor(token, eomt.store.tensor(token).sizes()));
      }
    }
    const std::int64_t side = 5 * row.patch;  // the table's own grid, in double throughout
    const at::Tensor images = random_tensor("images", {1, 3, side, side});
    const EomtOutput output = eomt.train(images);
    ASSERT_EQ(output.predictions.size(), 3u);
    EXPECT_EQ(output.tokens.sizes(), at::IntArrayRef({1, 5 + 1 + row.storage_tokens + 25, 16}));
    EXPECT_EQ(output.predictions[0].mask_logits.sizes(), at::IntArrayRef({1, 5, 20, 20}));
    const MaskPlan plan{.every_prediction = true, .probabilities = {}, .given = output.attention_masks};
    TensorList leaves;
    for (const std::string& name : eomt.store.names()) {
      const bool checked = name.starts_with("backbone.") && !name.starts_with("backbone.blocks.2");  // stem, a plain block, a joint one
      if (checked && eomt.store.tensor(name).requires_grad()) {
        leaves.push_back(eomt.store.tensor(name));
      }
    }
    expect_gradients(
        leaves, [&] { return total(eomt.model.forward(eomt.runner, images, training_key(1), plan)); }, 1e-5, 1);
    EXPECT_TRUE(eomt.model.buffers().empty()) << "no periods, no bias masks";
    EXPECT_GT(eomt.store.tensor("backbone.blocks.1.attn.qkv.bias").grad().slice(0, 0, 16).abs().max().item<double>(), 0);
  }
}

TEST(EomtModel, RescaleIsDrawnPerBlockOrPerPass) {
  // One rescale for all blocks equals the pass whose table is rescaled by hand; with one per block no two tables are equal.
  EomtOptions options = tiny_options();
  for (const char* form : {"lightly_train", "upstream", "hf"}) {
    options.form = form;
    const Backbone backbone(tiny_backbone(), options, 0, {.dtype = at::kDouble});
    struct Recorder final : BlockRunner {
      std::vector<at::Tensor> tables;
      TensorList run(const Block& block, TensorList inputs, const BlockContext& context, const PassKey&) override {
        if (block.unit().name != "stem") {
          tables.push_back(context.rope_cos);
        }
        return inputs;
      }
    } recorder;
    BlockContext context;
    at::Tensor tokens = backbone.stem(recorder, random_tensor("images", {1, 3, 8, 12}), context, training_key(1));
    for (int i = 0; i < 3; ++i) {
      tokens = backbone.block(recorder, i, tokens, context, training_key(1));
    }
    ASSERT_EQ(recorder.tables.size(), 3u);
    EXPECT_EQ(at::equal(recorder.tables[0], recorder.tables[1]), options.form != "lightly_train") << form;
    EXPECT_EQ(recorder.tables[1].is_same(recorder.tables[2]), options.form != "lightly_train") << form;
    for (int i = 0; i < 3; ++i) {
      const double scale = draw_rope_scale(training_key(1), options.form == "lightly_train" ? i : 0, options.rope_rescale);
      const at::Tensor expected = rope_table(rope_periods(8, at::kDouble), 2, 3, scale).cos;
      EXPECT_TRUE(at::equal(recorder.tables[static_cast<std::size_t>(i)], expected)) << form;
    }
  }
}

TEST(EomtModel, TwoBuildsFromOneSeedAreEqualToTheBitAndTouchNoDefaultGenerator) {
  const at::Tensor before = at::detail::getDefaultCPUGenerator().get_state();
  const at::Tensor images = random_tensor("images", {2, 3, 8, 12});
  TinyEomt one, two, other(tiny_options(), 2);
  for (TinyEomt* eomt : {&one, &two, &other}) {
    total(eomt->train(images, {0.6, 0.4})).backward();
  }
  bool differs = false;
  for (std::size_t i = 0; i < one.store.segments().size(); ++i) {
    const Segment &a = one.store.segments()[i], &b = two.store.segments()[i], &c = other.store.segments()[i];
    EXPECT_TRUE(at::equal(a.data, b.data)) << a.layout.name();
    EXPECT_TRUE(!a.grad.defined() || at::equal(a.grad, b.grad)) << a.layout.name();
    differs |= !at::equal(a.data, c.data);
  }
  EXPECT_TRUE(differs);
  EXPECT_TRUE(at::equal(at::detail::getDefaultCPUGenerator().get_state(), before));
}

TEST(EomtModel, RopeIsRescaledInTrainingUnlessSwitchedOffOrFrozen) {
  const at::Tensor images = random_tensor("images", {1, 3, 8, 12});
  const auto changes = [&](const EomtOptions& options) {
    TinyEomt eomt(options);
    PassKey key = training_key(1);
    const auto last = [&](bool training) {
      key.training = training;
      const MaskPlan plan{.every_prediction = true, .probabilities = {0, 0}, .given = {}};
      return eomt.model.forward(eomt.runner, images, key, plan).predictions.back().mask_logits;
    };
    return !at::equal(last(true), last(false));
  };
  EomtOptions options = tiny_options();
  EXPECT_TRUE(changes(options));
  options.form = "hf";
  EXPECT_TRUE(changes(options));
  options.rope_rescale = 1;
  EXPECT_FALSE(changes(options));
  options = tiny_options();
  options.backbone_freeze = true;
  EXPECT_FALSE(changes(options));
}

TEST(EomtModel, AFrozenBackboneKeepsWhatComesBeforeTheFirstJointBlock) {
  EomtOptions options = tiny_options();
  options.backbone_freeze = true;
  TinyEomt eomt(options);
  total(eomt.train(random_tensor("images", {2, 3, 8, 12}))).backward();
  for (const Segment& segment : eomt.store.segments()) {
    const bool frozen = segment.layout.unit == "stem" || segment.layout.unit == "blocks.0";
    EXPECT_EQ(segment.layout.trainable(), !frozen) << segment.layout.name();
    if (!frozen) {
      EXPECT_GT(segment.grad.abs().max().item<double>(), 0) << segment.layout.name();
    }
  }
}

TEST(EomtModel, TheMaskTokenIsFrozenAndTheKeyBiasHasNoGradient) {
  TinyEomt eomt;
  EXPECT_FALSE(eomt.store.tensor("backbone.mask_token").requires_grad());
  total(eomt.train(random_tensor("images", {2, 3, 8, 12}))).backward();
  const at::Tensor gradient = eomt.store.tensor("backbone.blocks.1.attn.qkv.bias").grad();
  EXPECT_EQ(gradient.slice(0, 16, 32).abs().max().item<double>(), 0);
  EXPECT_GT(gradient.slice(0, 0, 16).abs().max().item<double>(), 0);
  EXPECT_GT(gradient.slice(0, 32, 48).abs().max().item<double>(), 0);
}

TEST(EomtModel, NamesItsOutputs) {
  TinyEomt eomt;
  const at::Tensor images = random_tensor("images", {2, 3, 8, 12});
  std::map<std::string, at::Tensor> named;
  for (const NamedTensor& output : eomt.model.outputs(eomt.runner, images, true)) {
    named[output.name] = output.tensor;
  }
  EXPECT_EQ(named.size(), 3u + 2u + 4u);
  EXPECT_EQ(named.at("cls").sizes(), at::IntArrayRef({2, 16}));
  EXPECT_EQ(named.at("storage").sizes(), at::IntArrayRef({2, 2, 16}));
  EXPECT_EQ(named.at("patches").sizes(), at::IntArrayRef({2, 6, 16}));
  EXPECT_TRUE(named.contains("class_logits.1"));
  EXPECT_TRUE(named.contains("mask_logits.0"));
  EXPECT_FALSE(named.contains("mask_logits.2"));
}

TEST(Model, ABareDinov2HasNoBuffersAndStorageOnlyWithRegisters) {
  for (const bool registers : {true, false}) {
    const auto model = make_model(registers ? "dinov2/vits14-notpretrained" : "dinov2/vits14-noreg-notpretrained", {}, 0);
    ParameterStore store(model->units(), at::kFloat);
    initialise(store, model->units(), 1);
    PlainRunner runner(store);
    const at::NoGradGuard no_grad;
    std::map<std::string, at::Tensor> outputs;
    for (const NamedTensor& output : model->outputs(runner, random_tensor("images", {1, 3, 33, 56}, at::kFloat))) {
      outputs[output.name] = output.tensor;
    }
    EXPECT_EQ(outputs.size(), registers ? 3u : 2u);
    EXPECT_EQ(outputs.at("patches").sizes(), at::IntArrayRef({1, 3 * 4, 384})) << "resized up to 42 x 56";
    EXPECT_EQ(outputs.contains("storage"), registers);
    EXPECT_TRUE(model->buffers().empty());
    EXPECT_EQ(store.tensor("backbone.pos_embed").size(1), 1 + 16 * 16);
  }
}

TEST(Model, ABareBackboneGivesNormedTokens) {
  const auto model = make_model("dinov3/vitt16-notpretrained", {}, 0);
  ParameterStore store(model->units(), at::kFloat);
  initialise(store, model->units(), 1);
  PlainRunner runner(store);
  const at::NoGradGuard no_grad;
  const auto outputs = model->outputs(runner, random_tensor("images", {2, 3, 33, 49}, at::kFloat));
  ASSERT_EQ(outputs.size(), 3u);
  EXPECT_EQ(outputs[0].tensor.sizes(), at::IntArrayRef({2, 192}));
  EXPECT_EQ(outputs[1].tensor.sizes(), at::IntArrayRef({2, 4, 192}));
  EXPECT_EQ(outputs[2].tensor.sizes(), at::IntArrayRef({2, 6, 192}));
  EXPECT_NEAR(outputs[2].tensor.mean(-1).abs().max().item<double>(), 0, 1e-5) << "a fresh norm centres every token";
  EXPECT_EQ(model->buffers().size(), 13u);
  EXPECT_EQ(model->buffers()[1].name, "backbone.blocks.0.attn.qkv.bias_mask");
}

}  // namespace
}  // namespace muster::model
