// A model's weights as something to write from: a weight file of any form, of which a tensor at a time is read, or a checkpoint in
// memory.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "app/model_source.hpp"
#include "weights/export_form.hpp"
#include "weights/opened_weights.hpp"

namespace muster::app {

class WeightSource {
 public:
  // Tensors that the file has not, and may lack by options.load.allow_missing, are drawn from seed 0. Throws as load_model() and
  // find_model().
  WeightSource(const ModelPath& place, weights::OpenOptions options);
  WeightSource(const WeightSource&) = delete;  // the supply points into the source
  WeightSource& operator=(const WeightSource&) = delete;

  const weights::TensorSupply& supply() const noexcept { return supply_; }
  const weights::WeightsInfo& info() const noexcept { return opened_ ? opened_->info() : loaded_->info; }
  const model::Model& model() const noexcept { return *model_; }
  // nullptr: a checkpoint.
  const weights::OpenedWeights* opened() const noexcept { return opened_.get(); }

 private:
  void draw_missing();

  std::unique_ptr<const weights::OpenedWeights> opened_;
  std::optional<LoadedModel> loaded_;
  std::unique_ptr<model::Model> shapes_;  // on meta, where nothing had to be loaded
  const model::Model* model_ = nullptr;
  std::vector<model::NamedTensor> tensors_;  // of loaded_
  weights::TensorSupply supply_;
};

}  // namespace muster::app
