#include "app/model_source.hpp"

#include <algorithm>
#include <utility>

#include <spdlog/spdlog.h>

#include "ckpt/checkpoint.hpp"
#include "ckpt/resolve.hpp"
#include "core/error.hpp"
#include "model/casting_runner.hpp"
#include "model/initialisation.hpp"
#include "model/plain_runner.hpp"
#include "train/train_state.hpp"
#include "weights/opened_weights.hpp"
#include "weights/scalar_types.hpp"
#include "weights/weight_cache.hpp"
#include "weights/weight_file.hpp"

namespace muster::app {

namespace fs = std::filesystem;

namespace {

LoadedModel with_parameters(std::unique_ptr<model::Model> built, const weights::WeightsInfo& info, std::string source,
                            at::ScalarType type) {
  model::ParameterStore parameters(built->units(), at::TensorOptions().dtype(type), model::Gradients::kNone);
  return {.model = std::move(built), .parameters = std::move(parameters), .info = info, .source = std::move(source)};
}

// To be filled. A name with -notpretrained needs no file.
LoadedModel build(const weights::WeightsInfo& info, std::string source, const LoadSettings& settings) {
  auto built = model::make_model(info.model, weights::eomt_options(info), static_cast<int>(info.classes.size()),
                                 {.dtype = settings.compute, .weights_follow = true, .variant = info.variant});
  return with_parameters(std::move(built), info, std::move(source), settings.compute);
}

LoadedModel from_file(const ModelPath& place, const LoadSettings& settings) {
  const weights::OpenedWeights opened(place.path, {.base = settings.base, .model = place.architecture, .load = settings.load});
  const at::ScalarType type = settings.keep_type ? weights::torch_type(weights::prevailing_type(opened.file())) : settings.compute;
  LoadedModel loaded = with_parameters(opened.make_model({.dtype = settings.compute}), opened.info(), place.path.string(), type);
  weights::load(opened.plan(), weights::stored_tensors(*loaded.model, loaded.parameters));
  spdlog::info("{}", opened.announcement());
  return loaded;
}

LoadedModel from_checkpoint(const fs::path& folder) {
  const ckpt::Checkpoint checkpoint = ckpt::Checkpoint::open(folder);
  weights::WeightsInfo info = weights::parse_weights_info(checkpoint.record("weights"), folder.string());
  const train::Progress progress = train::progress_from_json(checkpoint.record("progress"));
  info.step = progress.step;
  if (progress.validated_step == progress.step) {
    info.metric_value = progress.last_score;
  }
  LoadedModel loaded = build(info, folder.string(), {});
  checkpoint.load(train::weights_view(loaded.parameters, loaded.model->buffers()), ckpt::Coverage::kPart);
  spdlog::info("weights: {}", loaded.source);
  return loaded;
}

std::optional<ModelPath> on_the_disk(const std::string& name) {
  const auto resolved = ckpt::resolve_weights_path(name);
  if (resolved) {
    if (!resolved->notice.empty()) {
      spdlog::info("{}", resolved->notice);
    }
    return ModelPath{.path = resolved->path, .architecture = {}, .checkpoint = resolved->checkpoint};
  }
  if (fs::is_directory(name)) {
    return ModelPath{.path = name, .architecture = {}};  // of Hugging Face's kind, or the reader says what is missing
  }
  const weights::PublishedModel* published = weights::find_published_model(name);
  if (published == nullptr) {
    return std::nullopt;
  }
  const weights::PublishedWeights file = weights::published_weights(*published);
  const auto cached = weights::find_cached(file);
  if (!cached) {
    throw ConfigError("model={}: {}", name, weights::how_to_get(file, name));
  }
  return ModelPath{.path = *cached, .architecture = {}};
}

// A name that no table has, said in the words that fit what was probably meant.
[[noreturn]] void refuse_name(const std::string& name) {
  if (name.starts_with("dinov2/") || name.starts_with("dinov3/")) {
    const model::ModelName parsed = model::parse_model_name(name);  // throws with the nearest name, if it is none
    throw ConfigError("model={} has {}; train it, or name a weight file or the folder of a run", name,
                      parsed.eomt ? "no trained head" : "no trained weights");
  }
  throw ConfigError(
      "model={}: there is no such weight file, checkpoint or run; name exported_models/exported_best.safetensors, the folder of a run, a "
      "published "
      "weight file, or a name that `muster models` lists",
      name);
}

bool is_architecture(const std::string& name) {
  const std::vector<std::string> names = model::model_names();
  return std::ranges::find(names, name) != names.end();
}

LoadedModel draw(const std::string& name, std::uint64_t seed, const LoadSettings& settings) {
  LoadedModel drawn = build(info_of_architecture(name), fmt::format("random (seed {})", seed), settings);
  model::initialise(drawn.parameters, drawn.model->units(), seed);
  spdlog::info("weights: {}", drawn.source);
  return drawn;
}

// A published backbone under a head that nobody has trained.
LoadedModel draw_head(const std::string& name, std::uint64_t seed, const LoadSettings& settings) {
  const weights::OpenedWeights opened(weights::find_backbone_weights(name, {}), {.base = {}, .model = {}, .load = settings.load});
  weights::WeightsInfo info = info_of_architecture(name);
  info.variant = weights::variant_for(name, opened.row());
  LoadedModel loaded = build(info, opened.path().string(), settings);
  model::initialise(loaded.parameters, loaded.model->units(), seed);
  const weights::LoadPlan plan = opened.plan_backbone(*loaded.model);
  weights::load(plan, weights::stored_tensors(*loaded.model, loaded.parameters));
  spdlog::info("{}", opened.announcement(plan));
  spdlog::info("weights: the head is random (seed {})", seed);
  return loaded;
}

}  // namespace

const model::EomtModel& LoadedModel::segmentation() const {
  const auto* eomt = dynamic_cast<const model::EomtModel*>(model.get());
  if (eomt == nullptr) {
    throw ConfigError("{} has no segmentation head; this command needs an -eomt model", info.model);
  }
  return *eomt;
}

std::unique_ptr<model::BlockRunner> LoadedModel::runner(at::ScalarType compute) const {
  const std::vector<model::Segment>& segments = parameters.segments();
  const bool casts = std::ranges::any_of(segments, [&](const model::Segment& segment) { return segment.data.scalar_type() != compute; });
  if (casts) {
    return std::make_unique<model::CastingRunner>(parameters, compute);
  }
  return std::make_unique<model::PlainRunner>(parameters);
}

ModelPath find_model(const std::string& name) {
  if (auto found = on_the_disk(name)) {
    return *found;
  }
  if (is_architecture(name)) {
    const model::ModelName parsed = model::parse_model_name(name);
    if (parsed.pretrained && !parsed.eomt) {
      return {.path = weights::find_backbone_weights(name, {}), .architecture = name};
    }
  }
  refuse_name(name);
}

LoadedModel load_model(const std::string& name, const LoadSettings& settings) {
  const ModelPath place = find_model(name);
  return place.checkpoint ? from_checkpoint(place.path) : from_file(place, settings);
}

LoadedModel load_or_draw_model(const std::string& name, std::uint64_t seed, const LoadSettings& settings) {
  if (is_architecture(name) && !on_the_disk(name)) {
    const model::ModelName parsed = model::parse_model_name(name);
    if (!parsed.pretrained) {
      return draw(name, seed, settings);
    }
    if (parsed.eomt) {
      return draw_head(name, seed, settings);
    }
  }
  return load_model(name, settings);
}

bool is_drawn(const std::string& name) {
  return is_architecture(name) && !model::parse_model_name(name).pretrained && !on_the_disk(name);
}

weights::WeightsInfo info_of_architecture(const std::string& name) {
  weights::WeightsInfo info;
  info.model = name;
  const model::BackboneRow& row = *model::parse_model_name(name).backbone;
  info.num_queries = model::EomtOptions().num_queries;
  info.num_joint_blocks = row.joint_blocks;
  info.classes = {{.id = 0, .name = "class 0", .color = {}}};
  info.transform.mean.assign(row.mean.begin(), row.mean.end());
  info.transform.std.assign(row.std.begin(), row.std.end());
  return info;
}

data::TrainClasses classes_of(const weights::WeightsInfo& info) {
  std::vector<std::pair<std::int32_t, std::string>> classes;
  for (const weights::ClassEntry& entry : info.classes) {
    classes.emplace_back(entry.id, entry.name);
  }
  return data::TrainClasses(data::make_class_list(std::move(classes)));
}

task::SemanticSegmentation make_task(const LoadedModel& loaded, const data::TrainClasses& classes, int window_batch) {
  constexpr const char* kTask = "semantic_segmentation";
  if (loaded.info.task != kTask) {
    throw ConfigError("{} is of the task {}; this version evaluates and labels {}", loaded.source, loaded.info.task, kTask);
  }
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
