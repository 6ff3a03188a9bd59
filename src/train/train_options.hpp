// The recipe of `muster train`: the reference documents' keys, with each group beside the class that reads it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ckpt/checkpoint_options.hpp"
#include "core/options.hpp"
#include "data/loader_options.hpp"
#include "data/transform_options.hpp"
#include "metric/metric_options.hpp"
#include "model/eomt_options.hpp"
#include "model/loss_options.hpp"
#include "optim/optim_options.hpp"
#include "parallel/parallel_options.hpp"
#include "report/logger_options.hpp"

namespace muster::train {

// One flat group of keys in the reference documents, three structs here.
struct ModelArgs {
  model::EomtOptions network;
  model::MaskLossOptions loss;
  optim::OptimOptions optimizer;
};

struct TrainOptions {
  std::string task = "semantic_segmentation";
  std::string out;
  std::string data;
  std::string model;
  std::int64_t steps = 40000;
  std::int64_t batch_size = 16;
  std::int64_t gradient_accumulation_steps = 1;
  std::string precision = "auto";
  std::int64_t seed = 0;
  std::vector<std::int64_t> ignore_classes;
  std::string checkpoint;
  bool reuse_class_head = false;
  std::vector<std::string> allow_missing;
  std::vector<std::string> allow_unexpected;
  bool resume_interrupted = false;
  bool overwrite = false;
  std::string recipe_style = "muster";
  ModelArgs model_args;
  data::TransformOptions transform_args;
  model::LossOptions loss_args;
  metric::MetricOptions metric_args;
  report::LoggerOptions logger_args;
  ckpt::SaveCheckpointOptions save_checkpoint_args;
  ckpt::CheckpointingOptions checkpointing;
  data::LoaderOptions loader;
  parallel::ParallelOptions parallel;
};

template <class Visitor>
void visit(Visitor& v, ModelArgs& o) {
  visit(v, o.network);
  visit(v, o.loss);
  visit(v, o.optimizer);
}

template <class Visitor>
void visit(Visitor& v, TrainOptions& o) {
  v.field("task", o.task, one_of({"semantic_segmentation"}), "what is learned");
  v.field("out", o.out, any_value(), "folder of this run; holds one run only");
  v.field("data", o.data, any_value(), "folder of a packed dataset (muster pack), or a group of plain folders, which is packed first");
  v.field("model", o.model, any_value(), "architecture name, such as dinov3/vitt16-notpretrained-eomt");
  v.field("steps", o.steps, at_least(1), "optimizer updates in all");
  v.field("batch_size", o.batch_size, at_least(1), "images per step over all ranks and micro-steps");
  v.field("gradient_accumulation_steps", o.gradient_accumulation_steps, at_least(1), "micro-steps that a step is cut into, to save memory");
  v.field("precision", o.precision, one_of({"auto", "32-true"}), "number format; auto = 32-true on CPU");
  v.field("seed", o.seed, between(0, 4294967295.0), "of initial weights, sample order, augmentation and points");
  v.field("ignore_classes", o.ignore_classes, between(0, 65534), "class ids that are not trained and never predicted");
  v.field("checkpoint", o.checkpoint, any_value(), "weight file of any form, or a run, to start from; weights only");
  v.field("reuse_class_head", o.reuse_class_head, any_value(), "with checkpoint: keep the class head's rows of classes with the same name");
  v.field("allow_missing", o.allow_missing, any_value(), "patterns ('*' = any text) of the model's tensors that its weight file may lack; they start afresh");
  v.field("allow_unexpected", o.allow_unexpected, any_value(), "patterns of the weight file's tensors that may be left out");
  v.field("resume_interrupted", o.resume_interrupted, any_value(), "insist that there is a run to go on with; it goes on by itself too");
  v.field("overwrite", o.overwrite, any_value(), "remove another run from `out` first");
  v.field("recipe_style", o.recipe_style, one_of({"muster", "lightly_train"}), "whose defaults fill what the recipe leaves open");
  v.group("model_args", o.model_args);
  v.group("transform_args", o.transform_args);
  v.group("loss_args", o.loss_args);
  v.group("metric_args", o.metric_args);
  v.group("logger_args", o.logger_args);
  v.group("save_checkpoint_args", o.save_checkpoint_args);
  v.group("checkpointing", o.checkpointing);
  v.group("loader", o.loader);
  v.group("parallel", o.parallel);
}

// Throws ConfigError: what is missing, and what does not go together.
void validate(const TrainOptions& options);
// The same for what depends on the number of ranks: every micro-step of every rank needs an image.
void validate_for(const TrainOptions& options, int world);

// [height, width] of the window that evaluation and prediction use.
const std::vector<int>& evaluation_size(const TrainOptions& options);

// Keys that may change when a run goes on (CONTRACTS 11): a key equal to one of these, or below one of these groups.
const std::vector<std::string>& changeable_keys();

}  // namespace muster::train
