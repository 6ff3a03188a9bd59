#include "train/initial_weights.hpp"

#include <algorithm>

#include <fmt/ranges.h>
#include <spdlog/spdlog.h>

#include "ckpt/commit.hpp"
#include "ckpt/folders.hpp"
#include "ckpt/manifest.hpp"
#include "ckpt/resolve.hpp"
#include "core/atomic_file.hpp"
#include "core/error.hpp"
#include "core/run_folder.hpp"
#include "model/initialisation.hpp"
#include "weights/fine_tune.hpp"
#include "weights/weight_cache.hpp"
#include "weights/weight_file.hpp"

namespace muster::train {

namespace fs = std::filesystem;

namespace {

fs::path checkpoint_file(const std::string& checkpoint) {
  const auto resolved = ckpt::resolve_weights_path(checkpoint);
  if (!resolved && fs::is_directory(checkpoint)) {
    return checkpoint;  // of Hugging Face's kind, or nothing that can be read: the reader says which
  }
  if (!resolved) {
    throw ConfigError(
        "checkpoint={}: there is no such weight file or run; name a weight file (Muster's, LightlyTrain's, upstream EoMT's, a Hugging Face "
        "folder) or the folder of a run",
        checkpoint);
  }
  if (resolved->checkpoint) {
    throw ConfigError(
        "checkpoint={} is a training checkpoint; write its weights to a file first: muster export model={} out=FILE.safetensors",
        resolved->path.string(), resolved->path.string());
  }
  if (!resolved->notice.empty()) {
    spdlog::info("{}", resolved->notice);
  }
  return resolved->path;
}

std::unique_ptr<const weights::OpenedWeights> open(const TrainOptions& options) {
  const weights::LoadOptions load{.allow_missing = options.allow_missing, .allow_unexpected = options.allow_unexpected, .keep = {}};
  const model::EomtOptions& network = options.model_args.network;
  const bool names_backbone = !network.backbone_weights.empty() || !network.backbone_url.empty();
  if (!options.checkpoint.empty()) {
    // Beside a checkpoint of differences, these are what it differs from.
    const fs::path base = names_backbone ? weights::find_backbone_weights(options.model, network) : fs::path();
    return std::make_unique<const weights::OpenedWeights>(checkpoint_file(options.checkpoint),
                                                          weights::OpenOptions{.base = base, .model = {}, .load = load});
  }
  if (!model::parse_model_name(options.model).pretrained && !names_backbone) {
    return nullptr;
  }
  return std::make_unique<const weights::OpenedWeights>(weights::find_backbone_weights(options.model, network),
                                                        weights::OpenOptions{.base = {}, .model = {}, .load = load});
}

}  // namespace

InitialWeights::InitialWeights(const TrainOptions& options)
    : model_(options.model),
      form_(options.model_args.network.form),
      seed_(static_cast<std::uint64_t>(options.seed)),
      reuse_class_head_(options.reuse_class_head),
      opened_(open(options)) {}

model::BackboneVariant InitialWeights::variant() const {
  return opened_ ? weights::variant_for(model_, opened_->row()) : model::BackboneVariant();
}

void InitialWeights::check(const model::EomtModel& model) const {
  if (!opened_) {
    return;
  }
  if (!opened_->found().eomt) {
    weights::require_complete(opened_->plan_backbone(model));
    return;
  }
  const model::ParameterStore shapes(model.units(), at::TensorOptions().device(at::kMeta), model::Gradients::kNone);
  weights::check_fine_tuning(opened_->plan(), weights::stored_tensors(model, shapes));
}

void InitialWeights::set(const model::EomtModel& model, const data::TrainClasses& classes, model::ParameterStore& parameters,
                         bool say) const {
  model::initialise(parameters, model.units(), seed_);
  if (opened_ && opened_->found().eomt) {
    set_all(model, classes, parameters, say);
  } else if (opened_) {
    set_backbone(model, parameters, say);
  } else if (say) {
    spdlog::info("weights: random (seed {})", seed_);
  }
}

void InitialWeights::set_backbone(const model::EomtModel& model, model::ParameterStore& parameters, bool say) const {
  const weights::LoadPlan plan = opened_->plan_backbone(model);
  weights::load(plan, weights::stored_tensors(model, parameters));
  if (say) {
    spdlog::info("{}", opened_->announcement(plan));
    spdlog::info("weights: queries, class head, mask head and upscaling start afresh (seed {})", seed_);
  }
}

void InitialWeights::set_all(const model::EomtModel& model, const data::TrainClasses& classes, model::ParameterStore& parameters,
                             bool say) const {
  const weights::FineTuneReport report = weights::load_for_fine_tuning(
      opened_->plan(), opened_->info().classes, weights::stored_tensors(model, parameters), classes.names(), reuse_class_head_);
  if (!say) {
    return;
  }
  spdlog::info("{}", opened_->announcement());
  if (!report.notice.empty()) {
    spdlog::info("{}", report.notice);
  }
  if (opened_->info().form != form_) {
    spdlog::warn(
        "{} was trained in the form {}, this run has model_args.form={}: they differ in small numbers, such as the epsilon of the "
        "upscaling norm",
        opened_->path().string(), opened_->info().form, form_);
  }
  spdlog::info("class head: {} classes taken over, {} start afresh{}", report.reused_classes.size(), report.fresh_classes.size(),
               report.fresh_classes.empty() ? "" : fmt::format(" ({})", fmt::join(report.fresh_classes, ", ")));
}

std::optional<model::BackboneVariant> variant_of_stopped_run(const fs::path& out, const std::string& run_id, dist::Communicator& ranks) {
  constexpr const char* kRecord = "weights";
  std::string info;
  if (ranks.rank() == 0) {
    const fs::path checkpoints = RunFolder::held_by_rank_0(out).checkpoints();
    for (const std::int64_t step : ckpt::listed_steps(checkpoints)) {
      const fs::path path = checkpoints / ckpt::step_folder_name(step) / ckpt::kManifestName;
      if (!fs::exists(path)) {
        continue;
      }
      try {
        const ckpt::Manifest manifest = ckpt::parse_manifest(read_file(path), path.string());
        const auto record = std::ranges::find(manifest.records, kRecord, &StateRecord::name);
        if (manifest.run_id == run_id && record != manifest.records.end()) {
          info = record->json;
          break;
        }
      } catch (const CheckpointError&) {
        continue;  // the resuming itself names what is damaged, and takes the one before
      }
    }
  }
  info = dist::broadcast_text(ranks, info, 0);
  return info.empty() ? std::nullopt : std::optional(weights::parse_weights_info(info, out.string()).variant);
}

}  // namespace muster::train
