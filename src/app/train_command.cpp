// `muster train`: a recipe to a trained model, or on from where the same command was stopped.
#include <algorithm>

#include <ATen/Parallel.h>

#include "app/command.hpp"
#include "dist/session.hpp"
#include "model/model_table.hpp"
#include "train/train_run.hpp"

namespace muster::app {
namespace {

constexpr const char* kTrainUsage =
    "  muster train RECIPE.yaml [key=value ...]\n\n"
    "Example, from the top folder of the project, after `launch/muster pack datasets/sample/pack.yaml`:\n"
    "  launch/muster train configs/quickstart.yaml out=runs/a steps=200\n"
    "  launch/muster -n 2 train configs/quickstart.yaml out=runs/b steps=200     on two ranks, which share each batch\n"
    "  launch/muster train configs/quickstart.yaml out=runs/c model=dinov2/vits14-eomt     after `muster models fetch dinov2/vits14`\n\n"
    "SIGTERM or SIGUSR2 finishes the step, saves, and ends with 75; the same command goes on from there.\n"
    "out/ then holds checkpoints/, exported_models/, metrics.jsonl, eval.json, train.log, TensorBoard events and the recipe.\n"
    "--dry-run checks recipe, data and model and stops before the first step.\n";

// Weights that were made with other means and deviations than most bring them along (CONTRACTS 15).
void fill_normalisation(io::Value& tree) {
  const io::Value* name = tree.find("model");
  if (name == nullptr || !name->is_string()) {
    return;
  }
  const auto row = std::ranges::find_if(model::backbone_table(), [&](const model::BackboneRow& candidate) {
    return name->as_string().starts_with(candidate.name) && candidate.mean != model::BackboneRow().mean;
  });
  if (row == model::backbone_table().end()) {
    return;
  }
  io::Value& transform = tree["transform_args"];
  if (transform.is_null() || (transform.is_map() && transform["normalize"].is_null())) {
    transform["normalize"] = io::Value::map({{"mean", io::Value(io::Value::List(row->mean.begin(), row->mean.end()))},
                                             {"std", io::Value(io::Value::List(row->std.begin(), row->std.end()))}});
  }
}

// The reference program's defaults, where ours differ on purpose (CONTRACTS 16).
void fill_style(io::Value& tree) {
  fill_normalisation(tree);
  const io::Value* style = tree.find("recipe_style");
  if (style == nullptr || *style != io::Value("lightly_train")) {
    return;
  }
  const auto set_default = [&](std::initializer_list<std::string_view> path, io::Value value) {
    io::Value* node = &tree;
    for (const std::string_view key : path) {
      node = &(*node)[key];
    }
    if (node->is_null()) {
      *node = std::move(value);
    }
  };
  set_default({"model_args", "cap_warmup"}, false);
  set_default({"transform_args", "scale_jitter", "keep_aspect"}, false);
  set_default({"metric_args", "watch_metric"}, "val_metric/miou_model");
  set_default({"loss_args", "normalization"}, "rank");
  set_default({"loader", "tail"}, "drop");
}

ExitCode run_train(const train::TrainOptions& options, const io::Value& recipe, const Arguments& arguments) {
  io::Value facts = io::Value::map();
  facts.set("muster", MUSTER_VERSION);
  facts.set("build", MUSTER_BUILD_TYPE);
  facts.set("libtorch", MUSTER_LIBTORCH_VERSION);
  facts.set("ranks", arguments.session->world().world());
  facts.set("launcher", arguments.session->environment().launcher);
  facts.set("device", "cpu");
  facts.set("threads", at::get_num_threads());
  return train::train_run(options, {.recipe = recipe, .facts = facts, .dry_run = arguments.dry_run}, arguments.session->world(),
                          arguments.session->environment());
}

}  // namespace

Command train_command() {
  Command command = make_command<train::TrainOptions>("train", "train a model on a packed dataset, or go on with a stopped run", kTrainUsage, run_train, fill_style);
  command.over_ranks = true;
  return command;
}

}  // namespace muster::app
