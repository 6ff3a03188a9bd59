// The parameters of a model on one rank, in flat segments (CONTRACTS 1).
//
// Each unit has up to four segments; a parameter is a leaf tensor that is a view of its segment, and its gradient is a view of
// a gradient segment of the same layout, into which autograd adds in place. So optimizer, clipping and checkpoint work on
// whole segments and know no tensor.
#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>
#include <ATen/core/TensorBody.h>
#include <c10/core/TensorOptions.h>

#include "core/flat_layout.hpp"
#include "model/block.hpp"

namespace muster::model {

struct Segment {
  SegmentLayout layout;
  at::Tensor data;  // [layout.numel], the gaps between pieces are zero
  at::Tensor grad;  // the same shape; undefined for frozen segments, and where no gradients are kept
};

// Whether trainable parameters have gradients: a pass without training needs no second copy of the model.
enum class Gradients { kKept, kNone };

class ParameterStore {
 public:
  // All zero at first; see initialise(). `options` give element type (float, double, bfloat16, half: that of a weight file may
  // stay, see CastingRunner) and device; on `meta` nothing is allocated, and shapes, layouts and names are there all the same.
  // Gradients::kNone: no segment has a gradient and no parameter requires one.
  // Throws InvariantError for a name declared twice, or borrowed before it is declared.
  ParameterStore(std::span<const UnitSpec> units, const at::TensorOptions& options, Gradients gradients = Gradients::kKept);

  ParameterStore(const ParameterStore&) = delete;  // segments and views belong together
  ParameterStore& operator=(const ParameterStore&) = delete;
  ParameterStore(ParameterStore&&) = default;
  ParameterStore& operator=(ParameterStore&&) = default;

  // In order of units, then of SegmentKind.
  std::vector<Segment>& segments() noexcept { return segments_; }
  const std::vector<Segment>& segments() const noexcept { return segments_; }

  // A unit's parameters in declaration order, then those it borrows: what a block's forward() takes.
  const TensorList& unit(const std::string& name) const;

  // The leaf tensor of a full name, "backbone.blocks.0.attn.qkv.weight". Throws InvariantError for an unknown name.
  const at::Tensor& tensor(const std::string& name) const;
  bool contains(const std::string& name) const { return by_name_.contains(name); }
  // Full names, in order of declaration.
  const std::vector<std::string>& names() const noexcept { return names_; }

  // Sets every gradient segment to zero: once per step, before the first backward. Does nothing where none are kept.
  void zero_grad();

 private:
  void add_unit(const UnitSpec& unit, const at::TensorOptions& options, Gradients gradients);

  std::vector<Segment> segments_;
  std::vector<std::string> names_;
  std::map<std::string, at::Tensor> by_name_;
  std::map<std::string, TensorList> by_unit_;
};

}  // namespace muster::model
