#include "train/initial_weights.hpp"

#include <fmt/ranges.h>
#include <spdlog/spdlog.h>

#include "ckpt/resolve.hpp"
#include "core/error.hpp"
#include "model/initialisation.hpp"
#include "weights/fine_tune.hpp"
#include "weights/weight_file.hpp"

namespace muster::train {
namespace {

std::filesystem::path weight_file(const std::string& checkpoint) {
  const auto resolved = ckpt::resolve_weights_path(checkpoint);
  if (!resolved) {
    throw ConfigError("checkpoint={}: there is no such weight file or run; name an exported_best.safetensors or the folder of a run", checkpoint);
  }
  if (resolved->checkpoint) {
    throw ConfigError("checkpoint={} is a training checkpoint; write its weights to a file first: muster export model={} out=FILE.safetensors",
                      resolved->path.string(), resolved->path.string());
  }
  if (!resolved->notice.empty()) {
    spdlog::info("{}", resolved->notice);
  }
  return resolved->path;
}

}  // namespace

void check_initial_weights(const TrainOptions& options) {
  const model::EomtOptions& network = options.model_args.network;
  const std::string& named = network.backbone_weights.empty() ? network.backbone_url : network.backbone_weights;
  if (!named.empty()) {
    throw ConfigError(
        "model_args.{}={}: this version cannot read published backbone weights; start from checkpoint=FILE of a Muster run, or from random "
        "weights with a model name that has -notpretrained",
        network.backbone_weights.empty() ? "backbone_url" : "backbone_weights", named);
  }
  if (!options.checkpoint.empty()) {
    static_cast<void>(weights::WeightFile(weight_file(options.checkpoint)));
  }
}

void set_initial_weights(const TrainOptions& options, const model::EomtModel& model, const data::TrainClasses& classes,
                         model::ParameterStore& parameters, bool say) {
  model::initialise(parameters, model.units(), static_cast<std::uint64_t>(options.seed));
  if (options.checkpoint.empty()) {
    if (say) {
      spdlog::info("weights: random (seed {})", options.seed);
    }
    return;
  }
  const weights::WeightFile file(weight_file(options.checkpoint));
  const weights::FineTuneReport report =
      weights::load_for_fine_tuning(file, weights::stored_tensors(model, parameters), classes.names(), options.reuse_class_head);
  if (!say) {
    return;
  }
  if (!report.notice.empty()) {
    spdlog::info("{}", report.notice);
  }
  spdlog::info("weights: {}; class head: {} classes taken over, {} start afresh{}", file.path().string(), report.reused_classes.size(),
               report.fresh_classes.size(), report.fresh_classes.empty() ? "" : fmt::format(" ({})", fmt::join(report.fresh_classes, ", ")));
}

}  // namespace muster::train
