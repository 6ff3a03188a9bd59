#include "train/train_options.hpp"

#include "core/error.hpp"

namespace muster::train {
namespace {

void require(const std::string& value, const char* key, const char* example) {
  if (value.empty()) {
    throw ConfigError("{} is not set; give it in the recipe or as {}", key, example);
  }
}

}  // namespace

void validate(const TrainOptions& options) {
  require(options.out, "out", "out=runs/a");
  require(options.data, "data", "data=runs/sample, a folder that `muster pack` wrote, or data.train.images=DIR and so on");
  require(options.model, "model", "model=dinov3/vitt16-notpretrained-eomt");
  if (!options.checkpoint.empty() && options.resume_interrupted) {
    throw ConfigError("checkpoint={} and resume_interrupted=true exclude each other: a resumed run has its own weights; remove one of them",
                      options.checkpoint);
  }
  if (options.reuse_class_head && options.checkpoint.empty()) {
    throw ConfigError("reuse_class_head=true needs a checkpoint to take the class head from; add checkpoint=FILE");
  }
  if (options.batch_size < options.gradient_accumulation_steps) {
    throw ConfigError("batch_size={} is below gradient_accumulation_steps={}: every micro-step needs an image; raise the first or lower the second",
                      options.batch_size, options.gradient_accumulation_steps);
  }
  validate(options.model_args.network);
  validate(options.model_args.loss);
  validate(options.model_args.optimizer);
  validate(options.transform_args);
  validate(options.loss_args);
  validate(options.metric_args);
  validate(options.logger_args);
  validate(options.save_checkpoint_args);
  validate(options.checkpointing);
  validate(options.loader);
  validate(options.parallel);
}

void validate_for(const TrainOptions& options, int world) {
  const std::int64_t parts = world * options.gradient_accumulation_steps;
  if (options.batch_size < parts) {
    throw ConfigError("batch_size={} is below {} ranks x gradient_accumulation_steps={}: every micro-step of every rank needs an image; raise batch_size to {}, or start fewer ranks",
                      options.batch_size, world, options.gradient_accumulation_steps, parts);
  }
}

const std::vector<int>& evaluation_size(const TrainOptions& options) {
  const data::TransformOptions& transform = options.transform_args;
  return transform.val.image_size.empty() ? transform.image_size : transform.val.image_size;
}

const std::vector<std::string>& changeable_keys() {
  static const std::vector<std::string> keys{"out",         "data", "overwrite", "resume_interrupted", "logger_args", "save_checkpoint_args",
                                             "checkpointing", "loader.threads", "loader.prefetch_batches", "loader.shard_read", "metric_args", "gradient_accumulation_steps", "parallel"};
  return keys;
}

}  // namespace muster::train
