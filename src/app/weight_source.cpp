#include "app/weight_source.hpp"

#include <utility>

#include <fmt/ranges.h>
#include <spdlog/spdlog.h>

#include "model/initialisation.hpp"
#include "weights/random_weights.hpp"
#include "weights/weight_file.hpp"

namespace muster::app {

WeightSource::WeightSource(const ModelPath& place, weights::OpenOptions options) {
  if (place.checkpoint) {
    loaded_.emplace(load_model(place.path.string()));
  } else {
    if (options.model.empty()) {
      options.model = place.architecture;
    }
    opened_ = std::make_unique<const weights::OpenedWeights>(place.path, std::move(options));
    weights::require_complete(opened_->plan());
    if (!opened_->plan().kept.empty()) {
      draw_missing();
    }
  }
  if (loaded_) {
    model_ = loaded_->model.get();
    tensors_ = weights::stored_tensors(*loaded_->model, loaded_->parameters);
    supply_ = weights::supply_of(tensors_);
  } else {
    shapes_ = opened_->make_model({.device = at::kMeta});
    model_ = shapes_.get();
    supply_ = weights::supply_of(opened_->plan());
  }
}

WeightSource::WeightSource(const std::string& architecture, std::uint64_t seed)
    : drawn_info_(info_of_architecture(architecture)),
      shapes_(model::make_model(architecture, weights::eomt_options(drawn_info_), static_cast<int>(drawn_info_.classes.size()))),
      model_(shapes_.get()),
      supply_(weights::random_supply(*shapes_, seed)) {}

void WeightSource::draw_missing() {
  auto built = opened_->make_model();
  model::ParameterStore parameters(built->units(), at::TensorOptions().dtype(at::kFloat), model::Gradients::kNone);
  model::initialise(parameters, built->units(), 0);
  loaded_.emplace(LoadedModel{
      .model = std::move(built), .parameters = std::move(parameters), .info = opened_->info(), .source = opened_->path().string()});
  weights::load(opened_->plan(), weights::stored_tensors(*loaded_->model, loaded_->parameters));
  spdlog::warn("{} tensors are not in the file and are random (seed 0), as allow_missing says: {}", opened_->plan().kept.size(),
               fmt::join(opened_->plan().kept, ", "));
}

}  // namespace muster::app
