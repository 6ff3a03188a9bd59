#include "train/initial_weights.hpp"

#include <fmt/ranges.h>
#include <spdlog/spdlog.h>

#include "ckpt/resolve.hpp"
#include "core/error.hpp"
#include "model/initialisation.hpp"
#include "weights/weights_file.hpp"

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
  if (!options.checkpoint.empty()) {
    static_cast<void>(weights::read_weights_info(weight_file(options.checkpoint)));
  }
}

void set_initial_weights(const TrainOptions& options, const model::EomtModel& model, const std::vector<weights::WeightClass>& classes,
                         model::ParameterStore& parameters) {
  model::initialise(parameters, model.units(), static_cast<std::uint64_t>(options.seed));
  if (options.checkpoint.empty()) {
    spdlog::info("weights: random (seed {})", options.seed);
    return;
  }
  const std::filesystem::path file = weight_file(options.checkpoint);
  const std::vector<std::string> fresh =
      weights::read_weights_for_finetuning(file, parameters, model.buffers(), classes, options.reuse_class_head);
  spdlog::info("weights: {}; class head rows that start afresh: {}", file.string(), fresh.empty() ? "none" : fmt::format("{}", fmt::join(fresh, ", ")));
}

}  // namespace muster::train
