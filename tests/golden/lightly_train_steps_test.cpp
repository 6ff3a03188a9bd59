// Seven optimizer steps against LightlyTrain 0.18, in fp64: its groups, layer-wise decay, weight decay, clipping, two-stage
// schedule and annealing move every parameter where ours do.
#include <ATen/TensorOperators.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include "golden/golden_case.hpp"
#include "model/eomt.hpp"
#include "model/mask_annealing.hpp"
#include "model/mask_loss.hpp"
#include "model/plain_runner.hpp"
#include "optim/adamw.hpp"

namespace muster::golden {
namespace {

std::vector<std::int64_t> integers(const io::Value& list) {
  std::vector<std::int64_t> result;
  for (const io::Value& value : list.as_list()) {
    result.push_back(value.as_int());
  }
  return result;
}

optim::OptimOptions optim_options(const Case& steps) {
  optim::OptimOptions options;
  options.lr = steps.number("lr");
  options.weight_decay = steps.number("weight_decay");
  options.llrd = steps.number("llrd");
  options.lr_warmup_steps = integers(steps.value("warmup"));
  options.gradient_clip_val = steps.number("clip");
  options.cap_warmup = false;
  return options;
}

TEST(OptimizerSteps, MoveEveryParameterAsLightlyTrainDoes) {
  const Case start("lightly_train_eomt_mlp"), steps("lightly_train_steps");
  const model::BackboneRow row = start.backbone();
  const int classes = start.integer("classes");
  const std::int64_t total_steps = steps.integer("total_steps");
  model::EomtOptions options = start.eomt_options();
  options.attn_mask_annealing_steps_start = integers(steps.value("annealing_start"));
  options.attn_mask_annealing_steps_end = integers(steps.value("annealing_end"));
  const model::EomtModel model("dinov3/tiny-eomt", row, options, classes, {.dtype = at::kDouble});
  model::ParameterStore store(model.units(), at::TensorOptions(at::kDouble));
  start.load(store, model.buffers());
  model::PlainRunner runner(store);

  optim::AdamW adamw(optim_options(steps), {.blocks = row.depth, .joint_blocks = model.joint_blocks()}, total_steps,
                     steps.integer("batch"));
  for (model::Segment& segment : store.segments()) {
    if (segment.grad.defined()) {
      adamw.add_segment(segment.layout, flat_shard(segment.layout.numel, 0, 1), segment.data, segment.grad);
    }
  }
  const model::MaskLoss loss(start.loss_options(), {}, classes, options.num_queries);
  const model::MaskTargets targets = model::masks_of_classes(start.tensor("input.label_maps"), classes);
  const auto windows = model::anneal_windows(options, model.joint_blocks(), total_steps);
  const at::Tensor losses = steps.tensor("output.loss"), norms = steps.tensor("output.grad_norm");
  const at::Tensor probabilities = steps.tensor("draw.probabilities");
  SoloReducer reducer;

  for (std::int64_t step = 0; step < steps.integer("steps"); ++step) {
    model::PassKey key = start.pass_key();
    key.step = step;
    // LightlyTrain sets the probabilities at the end of a step: they lag one step behind the schedule.
    const std::vector<double> kept = model::mask_probabilities(windows, step - 1);
    for (std::size_t k = 0; k < kept.size(); ++k) {
      EXPECT_NEAR(kept[k], probabilities[step][static_cast<std::int64_t>(k)].item<double>(), 1e-15);
    }
    store.zero_grad();
    const model::EomtOutput output = model.forward(runner, start.tensor("input.images"), key, kept);
    at::Tensor total = at::zeros({}, at::kDouble);
    for (std::size_t layer = 0; layer < output.predictions.size(); ++layer) {
      const auto& [mask_logits, class_logits] = output.predictions[layer];
      const auto terms = loss.terms(static_cast<int>(layer), mask_logits, class_logits, targets, model::RandomPoints(key));
      total = total + loss.weighted(terms, loss.denominators(targets));
    }
    total.backward();
    EXPECT_NEAR(total.item<double>(), losses[step].item<double>(), 1e-7) << "step " << step;
    const optim::StepReport report = adamw.step(step, reducer);
    EXPECT_NEAR(report.grad_norm, norms[step].item<double>(), 1e-6) << "step " << step;
    EXPECT_TRUE(report.applied);
  }

  for (const std::string& name : store.names()) {
    if (!store.tensor(name).requires_grad()) {
      continue;
    }
    const at::Tensor theirs = steps.tensor("moved." + name).to(at::kDouble);
    EXPECT_GT(theirs.abs().max().item<double>(), 1e-4) << name << " hardly moved";
    const at::Tensor ours = store.tensor(name).detach() - start.tensor("param." + name).to(at::kDouble);
    EXPECT_LE((ours - theirs).abs().max().item<double>(), 1e-8) << name;
  }
}

}  // namespace
}  // namespace muster::golden
