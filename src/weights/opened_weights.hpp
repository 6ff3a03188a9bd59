// A weight file of any form: opened, recognised, and planned against the model that it holds.
//
//   OpenedWeights opened("eomt.ckpt");
//   auto model = opened.make_model();
//   load(opened.plan(), stored_tensors(*model, parameters));
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "model/eomt_options.hpp"
#include "model/model.hpp"
#include "weights/form.hpp"
#include "weights/load_plan.hpp"
#include "weights/tensor_source.hpp"
#include "weights/weights_info.hpp"

namespace muster::weights {

struct OpenOptions {
  std::filesystem::path base;  // backbone of a delta; empty = the published one, from the cache
  std::string model;           // what the file must hold, where the user says so: "dinov3/vitl16-sat493m"; empty = what it is
  LoadOptions load;
};

class OpenedWeights {
 public:
  // Reads headers and tables, no tensor. DataError for a file that cannot be read, has no form, or holds another model than
  // options.model; ConfigError for a delta whose base is not there.
  explicit OpenedWeights(const std::filesystem::path& path, OpenOptions options = {});
  OpenedWeights(const OpenedWeights&) = delete;  // the plan points into the sources
  OpenedWeights& operator=(const OpenedWeights&) = delete;

  const std::filesystem::path& path() const noexcept { return file_.path(); }
  const TensorSource& file() const noexcept { return file_; }
  const TensorSource* base() const noexcept { return base_ ? &*base_ : nullptr; }
  const Recognised& found() const noexcept { return found_; }
  const WeightsInfo& info() const noexcept { return found_.info; }
  // Of the backbone, with everything that the file varies.
  const model::BackboneRow& row() const { return shapes_->backbone(); }
  // For the model that make_model() builds, all of it.
  const LoadPlan& plan() const noexcept { return plan_; }

  std::unique_ptr<model::Model> make_model(const model::BuildOptions& build = {}) const;

  // For the backbone of another model, whose heads keep their values.
  LoadPlan plan_backbone(const model::Model& model) const;

  // "xxh3 0123.." of all bytes; of files above kHashedBytes of the table alone ("names and sizes 0123.."), so that a log line
  // does not take minutes.
  std::string short_hash() const;
  // A few sentences for the log: file and hash, what was loaded, skipped by which rule, missing, and what was decided.
  std::string announcement() const;
  std::string announcement(const LoadPlan& plan) const;

 private:
  TensorSource file_;
  std::optional<TensorSource> base_;
  Recognised found_;
  LoadOptions load_;
  std::unique_ptr<model::Model> shapes_;  // on meta
  LoadPlan plan_;
};

inline constexpr std::uint64_t kHashedBytes = 4'000'000'000;

// What the recipe's options must say so that the model is the one that `info` describes.
model::EomtOptions eomt_options(const WeightsInfo& info);

// What the architecture of this name must be told to be `wanted`; empty when it is that by itself.
model::BackboneVariant variant_for(const std::string& model_name, const model::BackboneRow& wanted);

// The element type that most of the file's elements have.
ScalarType prevailing_type(const TensorSource& source);

}  // namespace muster::weights
