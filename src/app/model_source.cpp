#include "app/model_source.hpp"

#include <utility>

#include <spdlog/spdlog.h>

#include "ckpt/checkpoint.hpp"
#include "ckpt/resolve.hpp"
#include "core/error.hpp"
#include "model/initialisation.hpp"
#include "train/train_state.hpp"
#include "weights/weight_file.hpp"

namespace muster::app {
namespace {

LoadedModel build(const weights::WeightsInfo& info, std::string source, bool weights_follow) {
  model::EomtOptions options;
  options.form = info.form;
  options.num_queries = info.num_queries;
  options.num_joint_blocks = info.num_joint_blocks;
  auto built = model::make_model(info.model, options, static_cast<int>(info.classes.size()), {.weights_follow = weights_follow});
  model::ParameterStore parameters(built->units(), at::TensorOptions().dtype(at::kFloat));
  return {.model = std::move(built), .parameters = std::move(parameters), .info = info, .source = std::move(source)};
}

LoadedModel from_file(const std::filesystem::path& path) {
  const weights::WeightFile file(path);
  LoadedModel loaded = build(file.info(), path.string(), true);
  file.load(weights::stored_tensors(*loaded.model, loaded.parameters));
  return loaded;
}

LoadedModel from_checkpoint(const std::filesystem::path& folder) {
  const ckpt::Checkpoint checkpoint = ckpt::Checkpoint::open(folder);
  weights::WeightsInfo info = weights::parse_weights_info(checkpoint.record("weights"), folder.string());
  const train::Progress progress = train::progress_from_json(checkpoint.record("progress"));
  info.step = progress.step;
  if (progress.validated_step == progress.step) {
    info.metric_value = progress.last_score;
  }
  LoadedModel loaded = build(info, folder.string(), true);
  checkpoint.load(train::weights_view(loaded.parameters, loaded.model->buffers()), ckpt::Coverage::kPart);
  return loaded;
}

std::optional<LoadedModel> from_path(const std::string& name) {
  const auto resolved = ckpt::resolve_weights_path(name);
  if (!resolved) {
    return std::nullopt;
  }
  if (!resolved->notice.empty()) {
    spdlog::info("{}", resolved->notice);
  }
  return resolved->checkpoint ? from_checkpoint(resolved->path) : from_file(resolved->path);
}

}  // namespace

const model::EomtModel& LoadedModel::segmentation() const {
  const auto* eomt = dynamic_cast<const model::EomtModel*>(model.get());
  if (eomt == nullptr) {
    throw ConfigError("{} has no segmentation head; this command needs an -eomt model", info.model);
  }
  return *eomt;
}

LoadedModel load_model(const std::string& name) {
  if (auto loaded = from_path(name)) {
    spdlog::info("weights: {}", loaded->source);
    return std::move(*loaded);
  }
  throw ConfigError("model={}: there is no such weight file, checkpoint or run; name exported_models/exported_best.safetensors or the folder of a run", name);
}

LoadedModel load_or_draw_model(const std::string& name, std::uint64_t seed) {
  auto loaded = from_path(name);
  if (!loaded) {
    weights::WeightsInfo info;
    info.model = name;
    info.num_queries = model::EomtOptions().num_queries;
    info.classes = {{.id = 0, .name = "class 0", .color = {}}};
    const auto& row = *model::parse_model_name(name).backbone;
    info.transform.mean.assign(row.mean.begin(), row.mean.end());
    info.transform.std.assign(row.std.begin(), row.std.end());
    loaded = build(info, fmt::format("random (seed {})", seed), false);
    model::initialise(loaded->parameters, loaded->model->units(), seed);
  }
  spdlog::info("weights: {}", loaded->source);
  return std::move(*loaded);
}

data::TrainClasses classes_of(const weights::WeightsInfo& info) {
  std::vector<std::pair<std::int32_t, std::string>> classes;
  for (const weights::ClassEntry& entry : info.classes) {
    classes.emplace_back(entry.id, entry.name);
  }
  return data::TrainClasses(data::make_class_list(std::move(classes)));
}

task::SemanticSegmentation make_task(const LoadedModel& loaded, const data::TrainClasses& classes, int window_batch) {
  const weights::TransformSettings& transform = loaded.info.transform;
  return {loaded.segmentation(),
          classes,
          {.class_names = classes.names(),
           .window_height = transform.image_size.at(0),
           .window_width = transform.image_size.at(1),
           .window_batch = window_batch,
           .mean = transform.mean,
           .std = transform.std,
           .mask_loss = {},
           .loss = {},
           .anneal_windows = {}}};
}

}  // namespace muster::app
