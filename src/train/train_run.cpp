#include "train/train_run.hpp"

#include <memory>
#include <optional>
#include <utility>

#include <spdlog/spdlog.h>

#include "core/hash.hpp"
#include "core/run_folder.hpp"
#include "data/dataset.hpp"
#include "data/transform.hpp"
#include "model/eomt.hpp"
#include "model/patch_remainder.hpp"
#include "parallel/engine.hpp"
#include "report/log.hpp"
#include "task/semantic_segmentation.hpp"
#include "train/initial_weights.hpp"
#include "train/run_identity.hpp"
#include "train/shared_data.hpp"
#include "train/train_loop.hpp"
#include "weights/opened_weights.hpp"
#include "weights/weight_file.hpp"

namespace muster::train {
namespace {

// What recipe and data say about the run before anything is built.
struct RunData {
  data::Dataset dataset;
  data::ShardReader training;
  data::ShardReader validation;
  data::TrainClasses classes;

  RunData(const TrainOptions& options, data::IndexCheck check)
      : dataset(data::Dataset::open(options.data)),
        training(dataset.split("train", check, {.way = data::read_way_from_name(options.loader.shard_read)})),
        validation(dataset.split("val", check, {.way = data::read_way_from_name(options.loader.shard_read)})),
        classes(dataset.classes(), std::vector<std::int32_t>(options.ignore_classes.begin(), options.ignore_classes.end())) {}
};

// Collective: all ranks get it, or the same error. One rank of each node compares the hashes of the indices, before the others that share
// their pages open them.
std::optional<RunData> open_data(const TrainOptions& options, dist::Communicator& ranks, int local_rank) {
  std::optional<RunData> data;
  const auto open_on = [&](bool here, data::IndexCheck check) {
    on_all_ranks(ranks, [&] {
      if (here) {
        data.emplace(options, check);
      }
    });
  };
  open_on(local_rank == 0, data::IndexCheck::kWhole);
  open_on(local_rank != 0, data::IndexCheck::kLayout);
  for (const data::ShardReader* split : {&data->training, &data->validation}) {
    check_same_data(ranks, "data", fmt::format("{} samples of split {} with fingerprint {}", split->size(), split->split(), split->fingerprint()));
  }
  return data;
}

// Its weights follow: InitialWeights has refused a model that would lack them.
std::unique_ptr<model::EomtModel> build_model(const TrainOptions& options, int classes, const model::BackboneVariant& variant) {
  const model::BuildOptions build{.weights_follow = true, .variant = variant};
  std::unique_ptr<model::Model> built = model::make_model(options.model, options.model_args.network, classes, build);
  auto* eomt = dynamic_cast<model::EomtModel*>(built.get());
  if (eomt == nullptr) {
    throw ConfigError("model={} has no segmentation head, which task={} needs; did you mean {}-eomt?", options.model, options.task, options.model);
  }
  static_cast<void>(built.release());
  return std::unique_ptr<model::EomtModel>(eomt);
}

weights::WeightsInfo describe_weights(const TrainOptions& options, const model::EomtModel& model, const data::TrainClasses& classes,
                                      const std::string& run_id) {
  weights::WeightsInfo info;
  info.task = options.task;
  info.model = options.model;
  info.variant = weights::variant_for(options.model, model.backbone());
  info.form = options.model_args.network.form;
  info.upscale_norm_eps = model::upscale_norm_eps(info.form);
  info.image_rules.patch_remainder = model::patch_remainder_name(model::patch_remainder(model.backbone(), info.form));
  info.num_queries = model.num_queries();
  info.num_joint_blocks = model.joint_blocks();
  for (std::size_t i = 0; i < classes.ids().size(); ++i) {
    info.classes.push_back({.id = classes.ids()[i], .name = classes.names()[i], .color = classes.colors()[i]});
  }
  info.ignored_classes.assign(options.ignore_classes.begin(), options.ignore_classes.end());
  info.transform = {.image_size = evaluation_size(options),
                    .num_channels = options.transform_args.num_channels,
                    .mean = options.transform_args.normalize.mean,
                    .std = options.transform_args.normalize.std};
  info.run_id = run_id;
  info.metric = options.metric_args.watch_metric;
  return info;
}

task::SemanticSettings task_settings(const TrainOptions& options, const model::EomtModel& model, const data::TrainClasses& classes) {
  const std::vector<int>& window = evaluation_size(options);
  return {.class_names = classes.names(),
          .window_height = window[0],
          .window_width = window[1],
          .mean = options.transform_args.normalize.mean,
          .std = options.transform_args.normalize.std,
          .mask_loss = options.model_args.loss,
          .loss = options.loss_args,
          .anneal_windows = model::anneal_windows(options.model_args.network, model.joint_blocks(), options.steps)};
}

TrainState make_state(const TrainOptions& options, std::unique_ptr<model::EomtModel> model, const RunData& data, bool leads) {
  const optim::BackboneDepth depth{.blocks = model->backbone().depth, .joint_blocks = model->joint_blocks()};
  model::ParameterStore parameters(model->units(), at::TensorOptions().dtype(at::kFloat));
  optim::AdamW optimizer(options.model_args.optimizer, depth, options.steps, options.batch_size);
  for (model::Segment& segment : parameters.segments()) {
    if (segment.layout.trainable()) {
      optimizer.add_segment(segment.layout, flat_shard(segment.layout.numel, 0, 1), segment.data, segment.grad);
    }
  }
  if (leads && !optimizer.warmup().notice.empty()) {
    spdlog::info("{}", optimizer.warmup().notice);
  }
  const data::SamplerRecord sampler{.seed = static_cast<std::uint64_t>(options.seed),
                                    .position = 0,
                                    .num_samples = data.training.size(),
                                    .fingerprint = data.training.fingerprint(),
                                    .global_batch = static_cast<std::uint64_t>(options.batch_size),
                                    .sampling = options.loader.sampling};
  return {.model = std::move(model), .parameters = std::move(parameters), .optimizer = std::move(optimizer), .progress = {}, .sampler = sampler};
}

// Of training crops and of the windows of validation; one of them is told where both are alike.
void warn_of_dropped_pixels(const TrainOptions& options, const model::EomtModel& model) {
  const model::PatchRemainder rule = model::patch_remainder(model.backbone(), options.model_args.network.form);
  const std::vector<int>& window = evaluation_size(options);
  const std::string training =
      model::dropped_pixels_warning(model.backbone(), rule, options.transform_args.crop_height(), options.transform_args.crop_width());
  const std::string validation = model::dropped_pixels_warning(model.backbone(), rule, window[0], window[1]);
  for (const std::string& warning : {training, validation == training ? "" : validation}) {
    if (!warning.empty()) {
      spdlog::warn("{}", warning);
    }
  }
}

void say_finished(const TrainOptions& options, const Progress& progress, std::string_view how, bool leads) {
  if (!leads) {
    return;
  }
  const Best best = progress.best.value_or(Best{});
  spdlog::info("{} {}: {} steps, best {} {:.4f} at step {}; weights in exported_models/", options.out, how, progress.step,
               options.metric_args.watch_metric, best.value, best.step);
}

// Rank 0 locks the folder and compares it with the run; what it finds ends the job from there. Returns how often the run was
// started before.
int claim_together(RunFolder& folder, const RunIdentity& identity, const TrainOptions& options, const RunRequest& request,
                   dist::Communicator& ranks) {
  std::string starts;
  if (ranks.rank() == 0) {
    starts = std::to_string(claim_run_folder(folder, identity, options.overwrite, request.facts));
  }
  return std::stoi(dist::broadcast_text(ranks, starts, 0));
}

}  // namespace

ExitCode train_run(const TrainOptions& options, const RunRequest& request, dist::Communicator& ranks,
                   const dist::LaunchEnvironment& environment) {
  // Everything that can be wrong with recipe, data and model comes before the folder is touched.
  const bool leads = ranks.rank() == 0;
  validate_for(options, ranks.world());
  const std::optional<RunData> opened = open_data(options, ranks, environment.local_rank);
  const RunData& data = *opened;
  const RunIdentity identity{.recipe = request.recipe, .fingerprint = data.dataset.fingerprint()};
  check_same_on_all_ranks(identity, ranks);
  const auto stopped = variant_of_stopped_run(options.out, identity.run_id(), ranks);
  std::optional<InitialWeights> start;  // a run that goes on does not need the file that it started from
  if (!stopped) {
    start.emplace(options);
  }
  std::unique_ptr<model::EomtModel> built = build_model(options, data.classes.count(), stopped ? *stopped : start->variant());
  const model::EomtModel& model = *built;
  if (start) {
    start->check(model);
  }
  task::SemanticSegmentation task(model, data.classes, task_settings(options, model, data.classes));
  const data::TrainTransform transform(options.transform_args, data.classes.learned());  // the loader's copy counts into this one
  data::Loader loader(data.training, data.classes, transform, options.transform_args.normalize, options.loader,
                      {.seed = static_cast<std::uint64_t>(options.seed),
                       .batch_size = static_cast<int>(options.batch_size),
                       .micro_batches = static_cast<int>(options.gradient_accumulation_steps),
                       .rank = ranks.rank(),
                       .world = ranks.world(),
                       .height = options.transform_args.crop_height(),
                       .width = options.transform_args.crop_width()});
  check_same_data(ranks, "weights of samples", loader.weights_digest());
  if (leads) {
    warn_of_dropped_pixels(options, model);
  }
  if (request.dry_run) {
    if (leads) {
      spdlog::info("dry run: recipe, data and model fit together; {} training and {} validation images, {} classes", data.training.size(),
                   data.validation.size(), data.classes.count());
    }
    return ExitCode::kDone;
  }

  RunFolder folder = leads ? RunFolder(options.out) : RunFolder::held_by_rank_0(options.out);
  const int starts = claim_together(folder, identity, options, request, ranks);
  report::init_logging(folder.path(), ranks.rank());
  dist::Watchdog watchdog(ranks, environment, folder.path() / "flight", identity.run_id(), options.parallel.timeout_s);

  TrainState state = make_state(options, std::move(built), data, leads);
  weights::WeightsInfo info = describe_weights(options, model, data.classes, identity.run_id());
  const auto export_weights = [&](const std::filesystem::path& path, std::optional<double> score) {
    std::filesystem::create_directories(path.parent_path());
    info.step = state.progress.step;
    info.metric_value = score;
    weights::export_weights(path, weights::stored_tensors(model, state.parameters), info);
  };
  Checkpointing checkpointing(folder,
                              {.save = options.save_checkpoint_args,
                               .storage = options.checkpointing,
                               .run_id = identity.run_id(),
                               .weights_info = weights::to_json(info),
                               .attempt = starts},
                              state, ranks, export_weights);
  const data::SamplerRecord fresh_sampler = state.sampler;
  if (checkpointing.resume()) {
    data::check_resume(state.sampler, fresh_sampler);
    loader.seek(state.sampler.position);
  } else if (options.resume_interrupted) {
    throw ConfigError("resume_interrupted=true, but {} holds no checkpoint to go on from; remove the key to start from step 0", options.out);
  } else {
    if (!start) {
      start.emplace(options);  // what had been saved was never committed
    }
    start->set(model, data.classes, state.parameters, leads);
  }
  const std::filesystem::path last_weights = folder.exported_models() / "exported_last.safetensors";
  if (state.progress.step >= options.steps) {
    if (leads && options.save_checkpoint_args.save_last && !std::filesystem::exists(last_weights)) {
      export_weights(last_weights, state.progress.last_score);  // killed between the last checkpoint and here
    }
    say_finished(options, state.progress, "was finished before", leads);
    return ExitCode::kDone;
  }

  parallel::Engine engine(parallel::preset_named(options.parallel.strategy), model.units(), state.parameters, ranks);
  dist::CommunicatorReducer reducer(ranks);
  TrainStep step(task, state, engine, ranks, static_cast<std::uint64_t>(options.seed), xxh3_64(identity.run_id()));
  std::optional<report::Reporter> reporter;
  if (leads) {
    reporter.emplace(options.logger_args, report::Reporter::Settings{.folder = folder.path(), .total_steps = options.steps, .resumed_after = state.progress.step});
    SampleLog::forget_after(folder.path(), state.progress.step);
  }
  ranks.barrier().wait();
  std::optional<SampleLog> samples;
  if (options.logger_args.sample_ids) {
    samples.emplace(folder.path(), ranks.rank());
  }
  const LoopParts parts{.task = task,
                        .state = state,
                        .step = step,
                        .loader = loader,
                        .transform = transform,
                        .runner = engine,
                        .validation = data.validation,
                        .checkpointing = checkpointing,
                        .reporter = reporter ? &*reporter : nullptr,
                        .reducer = reducer,
                        .watchdog = watchdog,
                        .samples = samples ? &*samples : nullptr,
                        .folder = folder};
  if (run_loop(options, parts) == LoopEnd::kStopped) {
    return ExitCode::kComeBack;
  }
  if (leads && options.save_checkpoint_args.save_last) {
    export_weights(last_weights, state.progress.last_score);
  }
  say_finished(options, state.progress, "is finished", leads);
  return ExitCode::kDone;
}

}  // namespace muster::train
