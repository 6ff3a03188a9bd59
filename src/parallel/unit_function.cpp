#include "parallel/unit_function.hpp"

#include <algorithm>
#include <utility>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>

#include "core/error.hpp"

namespace muster::parallel {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// What a run keeps between its forward and its backward: its own small graph, from leaves to outputs.
struct KeptRun final : torch::CustomClassHolder {
  variable_list leaves;
  variable_list outputs;
  std::function<void()> post_backward;
};

constexpr const char* kRun = "run";

// The anchor requires a gradient when the unit has trainable parameters: without a tensor that does, autograd would never call
// backward of a first block, whose input needs none.
struct UnitFunction : torch::autograd::Function<UnitFunction> {
  static variable_list forward(AutogradContext* ctx, const c10::intrusive_ptr<KeptRun>& run, const at::Tensor& /*anchor*/,
                               at::TensorList inputs, const std::function<variable_list(const variable_list&)>& block) {
    for (const at::Tensor& input : inputs) {
      run->leaves.push_back(input.detach().requires_grad_(input.requires_grad()));
    }
    {
      const at::AutoGradMode with_graph(true);
      run->outputs = block(run->leaves);
    }
    variable_list detached, constants;
    for (const at::Tensor& output : run->outputs) {
      detached.push_back(output.detach());
      if (!output.requires_grad()) {
        constants.push_back(detached.back());
      }
    }
    ctx->mark_non_differentiable(constants);
    ctx->saved_data[kRun] = c10::IValue::make_capsule(run);
    return detached;
  }

  static variable_list backward(AutogradContext* ctx, variable_list grad_outputs) {
    const auto run = c10::static_intrusive_pointer_cast<KeptRun>(ctx->saved_data.at(kRun).toCapsule());
    check(!run->outputs.empty(), "UnitFunction: a second backward through the same run");
    variable_list outputs, gradients;
    for (std::size_t i = 0; i < run->outputs.size(); ++i) {
      if (run->outputs[i].requires_grad() && grad_outputs[i].defined()) {
        outputs.push_back(std::exchange(run->outputs[i], at::Tensor()));
        gradients.push_back(std::move(grad_outputs[i]));
      }
    }
    run->outputs.clear();
    torch::autograd::backward(outputs, gradients);
    outputs.clear();                                    // the graph, and with it the activations, before the reduce begins
    variable_list results{at::Tensor(), at::Tensor()};  // of run and anchor
    for (const at::Tensor& leaf : run->leaves) {
      results.push_back(leaf.grad());
    }
    results.emplace_back();  // of block
    run->leaves.clear();
    run->post_backward();
    return results;
  }
};

}  // namespace

model::TensorList run_as_function(const model::Block& block, const model::TensorList& params, model::TensorList inputs,
                                  const model::BlockContext& context, const model::PassKey& key, std::function<void()> post_backward) {
  const auto run = c10::make_intrusive<KeptRun>();
  run->post_backward = std::move(post_backward);
  const bool trains = std::ranges::any_of(params, [](const at::Tensor& parameter) { return parameter.requires_grad(); });
  const at::Tensor anchor = at::empty({0}, inputs.at(0).options().dtype(at::kFloat)).requires_grad_(trains);
  return UnitFunction::apply(run, anchor, at::TensorList(inputs),
                             [&](const variable_list& leaves) { return block.forward(params, leaves, context, key); });
}

}  // namespace muster::parallel
