// A model's weights as something to write from: a weight file of any form, of which a tensor at a time is read, a checkpoint in
// memory, or an architecture, whose weights are drawn while they are written.
#pragma once

#include <memory>
#include <optional>
#include <string>
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
  // For a name of which is_drawn() is true.
  WeightSource(const std::string& architecture, std::uint64_t seed);
  WeightSource(const WeightSource&) = delete;  // the supply points into the source
  WeightSource& operator=(const WeightSource&) = delete;

  const weights::TensorSupply& supply() const noexcept { return supply_; }
  const weights::WeightsInfo& info() const noexcept { return opened_ ? opened_->info() : loaded_ ? loaded_->info : drawn_info_; }
  const model::Model& model() const noexcept { return *model_; }
  // nullptr: a checkpoint, or drawn.
  const weights::OpenedWeights* opened() const noexcept { return opened_.get(); }

 private:
  void draw_missing();

  std::unique_ptr<const weights::OpenedWeights> opened_;
  std::optional<LoadedModel> loaded_;
  weights::WeightsInfo drawn_info_;
  std::unique_ptr<model::Model> shapes_;  // without parameters, where nothing had to be loaded
  const model::Model* model_ = nullptr;
  std::vector<model::NamedTensor> tensors_;  // of loaded_
  weights::TensorSupply supply_;
};

}  // namespace muster::app
