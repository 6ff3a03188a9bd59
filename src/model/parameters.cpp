#include "model/parameters.hpp"

#include <ATen/ops/zeros.h>

#include "core/error.hpp"

namespace muster::model {
namespace {

at::Tensor piece_of(const at::Tensor& segment, const Piece& piece) {
  // detach() shares the memory but no history, which makes the view a leaf of its own.
  return segment.detach().narrow(0, piece.begin, piece.end - piece.begin).view(piece.shape);
}

}  // namespace

ParameterStore::ParameterStore(std::span<const UnitSpec> units, const at::TensorOptions& options, Gradients gradients) {
  for (const UnitSpec& unit : units) {
    add_unit(unit, options, gradients);
  }
}

void ParameterStore::add_unit(const UnitSpec& unit, const at::TensorOptions& options, Gradients gradients) {
  check(!by_unit_.contains(unit.name), "unit {} is declared twice", unit.name);
  for (SegmentLayout& layout : segment_layouts(unit.name, unit.parameters)) {
    Segment segment{.layout = std::move(layout), .data = {}, .grad = {}};
    segment.data = at::zeros({segment.layout.numel}, options);
    const bool learns = segment.layout.trainable() && gradients == Gradients::kKept;
    if (learns) {
      segment.grad = at::zeros({segment.layout.numel}, options);
    }
    for (const Piece& piece : segment.layout.pieces) {
      at::Tensor parameter = piece_of(segment.data, piece);
      if (learns) {
        parameter.requires_grad_(true);
        parameter.mutable_grad() = piece_of(segment.grad, piece);
      }
      check(by_name_.emplace(piece.tensor, parameter).second, "parameter {} is declared twice", piece.tensor);
    }
    segments_.push_back(std::move(segment));
  }
  TensorList& list = by_unit_[unit.name];
  for (const ParameterInfo& parameter : unit.parameters) {
    names_.push_back(parameter.name);
    list.push_back(by_name_.at(parameter.name));
  }
  for (const std::string& name : unit.borrowed) {
    list.push_back(tensor(name));
  }
}

const TensorList& ParameterStore::unit(const std::string& name) const {
  const auto found = by_unit_.find(name);
  check(found != by_unit_.end(), "no unit is called {}", name);
  return found->second;
}

const at::Tensor& ParameterStore::tensor(const std::string& name) const {
  const auto found = by_name_.find(name);
  check(found != by_name_.end(), "no parameter is called {}", name);
  return found->second;
}

void ParameterStore::zero_grad() {
  for (Segment& segment : segments_) {
    if (segment.grad.defined()) {
      segment.grad.zero_();
    }
  }
}

}  // namespace muster::model
