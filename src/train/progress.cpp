#include "train/progress.hpp"

#include "core/error.hpp"
#include "io/value.hpp"

namespace muster::train {

std::string to_json(const Progress& progress) {
  io::Value value = io::Value::map();
  value.set("step", progress.step);
  value.set("updates", progress.updates);
  value.set("skipped", progress.skipped);
  value.set("validated_step", progress.validated_step);
  if (progress.last_score) {
    value.set("last_score", *progress.last_score);
  }
  if (progress.best) {
    io::Value& best = value.set("best", io::Value::map());
    best.set("value", progress.best->value);
    best.set("step", progress.best->step);
  }
  return io::to_json(value, -1);
}

Progress progress_from_json(std::string_view json) {
  try {
    const io::Value value = io::parse_json(json, "record `progress`");
    Progress progress{.step = value.at("step").as_int(),
                      .updates = value.at("updates").as_int(),
                      .skipped = value.at("skipped").as_int(),
                      .validated_step = value.at("validated_step").as_int(),
                      .last_score = {},
                      .best = {}};
    if (const io::Value* score = value.find("last_score")) {
      progress.last_score = score->as_double();
    }
    if (const io::Value* best = value.find("best")) {
      progress.best = Best{.value = best->at("value").as_double(), .step = best->at("step").as_int()};
    }
    return progress;
  } catch (const ConfigError& error) {
    throw CheckpointError("a checkpoint's progress cannot be read: {}", error.what());
  }
}

}  // namespace muster::train
