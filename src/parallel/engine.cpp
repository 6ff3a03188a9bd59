#include "parallel/engine.hpp"

#include <algorithm>
#include <utility>

#include <ATen/core/grad_mode.h>

#include "core/error.hpp"
#include "parallel/flat_gather.hpp"
#include "parallel/unit_function.hpp"

namespace muster::parallel {
namespace {

// The unit that declares each parameter, as an index.
std::unordered_map<std::string, int> owners_of(std::span<const model::UnitSpec> units) {
  std::unordered_map<std::string, int> owners;
  for (std::size_t i = 0; i < units.size(); ++i) {
    for (const ParameterInfo& parameter : units[i].parameters) {
      owners.emplace(parameter.name, static_cast<int>(i));
    }
  }
  return owners;
}

std::vector<UnitSize> sizes_of(std::span<const model::UnitSpec> units, const model::ParameterStore& parameters) {
  const auto owners = owners_of(units);
  std::vector<UnitSize> sizes;
  for (const model::UnitSpec& unit : units) {
    UnitSize size{.name = unit.name, .gradient_bytes = 0, .borrows = {}};
    for (const model::Segment& segment : parameters.segments()) {
      if (segment.layout.unit == unit.name && segment.grad.defined()) {
        size.gradient_bytes += static_cast<std::int64_t>(segment.grad.nbytes());
      }
    }
    for (const std::string& name : unit.borrowed) {
      const int owner = owners.at(name);
      if (std::ranges::find(size.borrows, owner) == size.borrows.end()) {
        size.borrows.push_back(owner);
      }
    }
    sizes.push_back(std::move(size));
  }
  return sizes;
}

}  // namespace

Engine::Engine(Preset preset, std::span<const model::UnitSpec> units, model::ParameterStore& parameters, dist::Communicator& ranks)
    : parameters_(parameters), ranks_(ranks), schedule_(preset, sizes_of(units, parameters)), trainable_(units.size()) {
  for (std::size_t i = 0; i < units.size(); ++i) {
    unit_index_.emplace(units[i].name, static_cast<int>(i));
  }
  for (model::Segment& segment : parameters_.segments()) {
    if (segment.grad.defined()) {
      trainable_[static_cast<std::size_t>(unit_index_.at(segment.layout.unit))].push_back(&segment);
    }
  }
}

Engine::~Engine() {
  if (reduces_.empty()) {
    return;
  }
  ranks_.poison("an error ended its step");
  for (dist::Handle& reduce : reduces_) {
    try {
      reduce.wait();
    } catch (const CommError&) {
      // What the poison is for: the error that ended the step is on its way already.
    }
  }
}

model::TensorList Engine::run(const model::Block& block, model::TensorList inputs, const model::BlockContext& context,
                              const model::PassKey& key) {
  const std::string& name = block.unit().name;
  const model::TensorList& params = parameters_.unit(name);
  if (!at::GradMode::is_enabled()) {
    return block.forward(params, inputs, context, key);
  }
  const int unit = unit_index_.at(name);
  const bool has_backward = std::ranges::any_of(params, [](const at::Tensor& p) { return p.requires_grad(); }) ||
                            std::ranges::any_of(inputs, [](const at::Tensor& i) { return i.requires_grad(); });
  if (!has_backward) {
    return block.forward(params, inputs, context, key);
  }
  schedule_.pre_forward(unit);
  return run_as_function(block, params, std::move(inputs), context, key, [this, unit] { carry_out(schedule_.post_backward(unit)); });
}

void Engine::begin_step(int micro_steps) {
  parameters_.zero_grad();
  schedule_.begin_step(micro_steps);
}

void Engine::end_micro_step() {
  carry_out(schedule_.end_micro_step());
}

void Engine::end_step() {
  carry_out(schedule_.end_step());
}

void Engine::carry_out(const std::vector<Action>& actions) {
  for (const Action& action : actions) {
    if (action.kind == ActionKind::kWaitForReduces) {
      for (dist::Handle& reduce : reduces_) {
        reduce.wait();  // when it throws, the destructor sees to those behind it
      }
      reduces_.clear();
      continue;
    }
    ranks_.label(schedule_.units()[static_cast<std::size_t>(action.unit)].name);
    for (model::Segment* segment : trainable_[static_cast<std::size_t>(action.unit)]) {
      reduces_.push_back(ranks_.all_reduce(bytes_of(segment->grad), scalar_type_of(segment->grad)));
    }
  }
}

}  // namespace muster::parallel
