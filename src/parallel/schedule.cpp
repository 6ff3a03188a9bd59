#include "parallel/schedule.hpp"

#include <algorithm>

#include "core/error.hpp"

namespace muster::parallel {

Schedule::Schedule(Preset preset, std::vector<UnitSize> units) : units_(std::move(units)), open_uses_(units_.size()) {
  check(preset == Preset{}, "Schedule: only gathered weights with replicated gradients on one axis are scheduled");
}

template <class Change>
void Schedule::for_unit_and_lenders(int unit, Change change) {
  const auto index = static_cast<std::size_t>(unit);
  check(unit >= 0 && index < units_.size(), "Schedule: unit {} of {}", unit, units_.size());
  change(unit);
  for (const int lender : units_[index].borrows) {
    change(lender);
  }
}

void Schedule::begin_step(int micro_steps) {
  check(micro_steps > 0 && micro_steps_left_ == 0, "Schedule: a step of {} micro-steps begins while {} are left of the last", micro_steps,
        micro_steps_left_);
  micro_steps_left_ = micro_steps;
  first_uses_.clear();
  unreduced_ = 0;
  log_.clear();
}

void Schedule::pre_forward(int unit) {
  check(micro_steps_left_ > 0, "Schedule: a forward with gradients outside a step");
  check(!in_backward_, "Schedule: forward of unit {} after backward has begun", units_.at(static_cast<std::size_t>(unit)).name);
  for_unit_and_lenders(unit, [&](int used) {
    ++open_uses_[static_cast<std::size_t>(used)];
    if (std::ranges::find(first_uses_, used) == first_uses_.end()) {
      first_uses_.push_back(used);
      unreduced_ = first_uses_.size();
    }
  });
}

std::vector<Action> Schedule::post_backward(int unit) {
  in_backward_ = true;
  for_unit_and_lenders(unit, [&](int used) {
    int& uses = open_uses_[static_cast<std::size_t>(used)];
    check(uses > 0, "Schedule: more backwards than forwards of unit {}", units_[static_cast<std::size_t>(used)].name);
    --uses;
  });
  return micro_steps_left_ == 1 ? reduce_while(true) : std::vector<Action>{};
}

std::vector<Action> Schedule::reduce_while(bool only_finished) {
  std::vector<Action> actions;
  while (unreduced_ > 0) {
    const int unit = first_uses_[unreduced_ - 1];
    const auto index = static_cast<std::size_t>(unit);
    if (units_[index].gradient_bytes > 0) {
      if (only_finished && open_uses_[index] > 0) {
        break;
      }
      actions.push_back({.kind = ActionKind::kReduce, .unit = unit, .bytes = units_[index].gradient_bytes});
    }
    --unreduced_;
  }
  return logged(std::move(actions));
}

std::vector<Action> Schedule::end_micro_step() {
  check(micro_steps_left_ > 0, "Schedule: a micro-step ends outside a step");
  std::vector<Action> actions;
  if (micro_steps_left_ == 1) {
    actions = reduce_while(false);
  }
  std::ranges::fill(open_uses_, 0);
  in_backward_ = false;
  --micro_steps_left_;
  return actions;
}

std::vector<Action> Schedule::end_step() {
  check(micro_steps_left_ == 0, "Schedule: the step ends with {} micro-steps left", micro_steps_left_);
  return logged({{.kind = ActionKind::kWaitForReduces}});
}

std::vector<Action> Schedule::logged(std::vector<Action> actions) {
  log_.insert(log_.end(), actions.begin(), actions.end());
  return actions;
}

}  // namespace muster::parallel
