// From a weight file in any form to our tensors: a plan of ranges, so that a rank reads only the bytes of what it keeps.
//
//   const TensorSource file = TensorSource::open(path);
//   const LoadPlan plan = plan_load(file, recognise_form(file), model);
//   load(plan, tensors);                                                  // whole tensors, or
//   read_range(plan.recipe("backbone.blocks.7.attn.qkv.weight"), begin, end, ScalarType::kBF16, slice);   // any part of one
//
// Sources must outlive the plans made from them.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/model.hpp"
#include "weights/form.hpp"
#include "weights/tensor_source.hpp"

namespace muster::weights {

// `count` elements of one of our tensors: from the file, row-major from `begin` on, or all equal to `constant`.
struct Part {
  const TensorSource* source = nullptr;
  const StoredTensor* tensor = nullptr;  // nullptr = the constant
  std::int64_t begin = 0, count = 0;
  double constant = 0;
  // Added to it, element by element (deltas; positions folded into the class token).
  const TensorSource* plus_source = nullptr;
  const StoredTensor* plus = nullptr;
  std::int64_t plus_begin = 0;
};

// The patch kernel for another patch size or number of channels, made from the file's kernel as a whole.
struct KernelChange {
  std::vector<std::int64_t> from;  // [D, C, p, p] of the parts
};

struct TensorRecipe {
  std::string name;  // ours, "backbone.blocks.0.attn.qkv.weight"
  std::vector<std::int64_t> shape;
  std::vector<Part> parts;  // one after the other: our tensor, row-major (before `kernel`)
  std::optional<KernelChange> kernel;

  std::int64_t numel() const noexcept;
};

// Patterns of tensor names: '*' stands for any text. Ours for the model's tensors, the file's own for unexpected ones.
struct LoadOptions {
  std::vector<std::string> allow_missing;     // these may be absent from the file and then keep their values
  std::vector<std::string> allow_unexpected;  // these may be in the file and are then skipped
  std::vector<std::string> keep;              // these keep their values, whatever the file has: a fresh class head
  bool resize_queries = false;                // another number of queries: the file's are cut, or repeated from the first
};

// Names of EoMT's head, for a model whose backbone alone comes from a file (allow_missing), or the other way round.
std::vector<std::string> eomt_head_patterns();

struct LoadPlan {
  Form form = Form::kMuster;
  std::string path, hash;                                    // of the file: as opened, table_hash()
  std::vector<TensorRecipe> tensors;                         // in the model's order: parameters, then buffers
  std::vector<std::pair<std::string, std::string>> made;     // ours that no file holds, and what they are made of
  std::vector<std::pair<std::string, std::string>> skipped;  // the file's names, and the rule
  std::vector<std::string> kept;                             // ours that keep their values, because options allow it
  std::vector<std::string> missing;                          // ours
  std::vector<std::string> unexpected;                       // the file's
  std::vector<std::string> notes;                            // what was changed on the way, one sentence each

  // InvariantError for a name without a recipe.
  const TensorRecipe& recipe(std::string_view name) const;
  bool has(std::string_view name) const;
  // Lines for the log: form, hash, counts of loaded, made, skipped (per rule) and missing tensors.
  std::string summary() const;
};

// Wants what the model stores, parameters and buffers; reads no tensor data. `base` is the backbone of a delta. DataError when
// the file holds another model, a tensor has a wrong shape or type, or a delta has no base (or a base that does not fit).
// Missing and unexpected tensors stand in the plan; see require_complete().
LoadPlan plan_load(const TensorSource& file, Form form, const model::Model& model, const TensorSource* base = nullptr,
                   const LoadOptions& options = {});

// DataError that names what is missing or unexpected, and the remedy.
void require_complete(const LoadPlan& plan);

// Row-major elements [begin, end) of our tensor as F32, F64, BF16 or F16. Only their bytes are read (of a changed kernel: all).
// DataError for NaN, with the file, its tensor and the first index. Any thread.
void read_range(const TensorRecipe& recipe, std::int64_t begin, std::int64_t end, ScalarType to, void* destination);

// One of many ranges.
struct RangeRead {
  const TensorRecipe* recipe = nullptr;
  std::int64_t begin = 0, end = 0;
  ScalarType to = ScalarType::kF32;
  void* destination = nullptr;
};
// As read_range() for each, on LibTorch's threads, which share long ranges.
void read_ranges(std::span<const RangeRead> ranges);

// Fills whole tensors of any of the four types on any device, after require_complete(). Tensors whose names the plan keeps are
// left alone; a tensor with neither recipe nor that is an InvariantError.
void load(const LoadPlan& plan, std::span<const model::NamedTensor> tensors);

}  // namespace muster::weights
