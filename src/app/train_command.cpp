// `muster train`: a recipe to a trained model, or on from where the same command was stopped.
#include <algorithm>
#include <iterator>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <ATen/Parallel.h>

#include "app/command.hpp"
#include "app/packed_data.hpp"
#include "data/transform_none.hpp"
#include "data/transform_val.hpp"
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
    "`data` is the folder of a packed data set, or, as in the reference documents, a group of plain folders,\n"
    "  data: {train: {images: DIR, masks: DIR}, val: {images: DIR, masks: DIR}, classes: {0: sky, 1: road}, ignore_classes: [255]}\n"
    "which are packed first, once: into data_cache, $MUSTER_DATA_CACHE, or the folder data_cache beside `out`. `classes` may also be the\n"
    "path of a JSON or YAML file. The packed set is found again by the content of the files, also when they are copied or touched.\n\n"
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
  data::switch_off_none(tree);
  fill_normalisation(tree);
  data::take_settled_val(tree);
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

// The recipe as it is printed: with the keys of plain folders as they were written.
io::Value printed_recipe(io::Value resolved, const std::optional<PlainData>& plain) {
  if (plain) {
    for (const io::Value::Member& member : plain->recipe.as_map()) {
      resolved.set(member.key, member.value);
    }
  }
  return resolved;
}

ExitCode read_and_run(const Arguments& arguments) {
  io::Value tree = config::recipe_tree(arguments.recipe, arguments.overrides);
  fill_style(tree);
  const std::optional<PlainData> plain = take_plain_data(tree);
  auto options = config::read_options<train::TrainOptions>(tree);
  if (arguments.print_config) {
    const io::Value printed = printed_recipe(config::options_tree(options), plain);
    fmt::print("{}", arguments.json ? io::to_json(printed) + "\n" : io::to_yaml(printed));
    return ExitCode::kDone;
  }
  if (plain) {
    const std::optional<std::string> folder = packed_data(*plain, options.out, arguments.dry_run, arguments.session->world());
    if (!folder) {
      return ExitCode::kDone;
    }
    options.data = *folder;
  }
  return run_train(options, config::options_tree(options), arguments);
}

// TrainOptions' keys with those of plain folders behind `data`.
std::vector<config::FieldHelp> all_fields() {
  std::vector<config::FieldHelp> fields = config::fields_of<train::TrainOptions>();
  const auto data = std::ranges::find(fields, "data", &config::FieldHelp::key);
  std::vector<config::FieldHelp> plain = plain_data_fields();
  fields.insert(data == fields.end() ? data : data + 1, std::make_move_iterator(plain.begin()), std::make_move_iterator(plain.end()));
  return fields;
}

}  // namespace

Command train_command() {
  return {.name = "train",
          .summary = "train a model on a packed dataset or on plain folders, or go on with a stopped run",
          .usage = kTrainUsage,
          .run = read_and_run,
          .fields = all_fields,
          .over_ranks = true};
}

}  // namespace muster::app
