// When checkpoints are taken (`save_checkpoint_args.*`, the reference's names) and how they are stored (`checkpointing.*`, ours).
#pragma once

#include <cstdint>
#include <string>

#include "core/error.hpp"
#include "core/options.hpp"

namespace muster::ckpt {

struct SaveCheckpointOptions {
  std::int64_t save_every_num_steps = 1000;
  bool save_last = true;
  bool save_best = true;
};

struct CheckpointingOptions {
  std::string files = "per_rank";
  std::int64_t keep_last = 2;  // two, so that one that turns out damaged leaves another
};

template <class Visitor>
void visit(Visitor& v, SaveCheckpointOptions& o) {
  v.field("save_every_num_steps", o.save_every_num_steps, at_least(1),
          "steps between periodic checkpoints; the last step and a requested stop always save");
  v.field("save_last", o.save_last, any_value(), "export the last weights to exported_models/exported_last.safetensors");
  v.field("save_best", o.save_best, any_value(),
          "keep the checkpoint of the best score and export it to exported_models/exported_best.safetensors");
}

template <class Visitor>
void visit(Visitor& v, CheckpointingOptions& o) {
  v.field("files", o.files, one_of({"per_rank"}), "one state file per rank");
  v.field("keep_last", o.keep_last, at_least(1),
          "complete checkpoints kept beside the best one; older ones are removed after a new one is committed");
}

inline void validate(const SaveCheckpointOptions&) {}
inline void validate(const CheckpointingOptions&) {}

}  // namespace muster::ckpt
