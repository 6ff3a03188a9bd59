#include "train/checkpointing.hpp"

#include <chrono>
#include <utility>

#include <spdlog/spdlog.h>

#include "ckpt/checkpoint.hpp"
#include "core/error.hpp"

namespace muster::train {

Checkpointing::Checkpointing(const RunFolder& folder, Settings settings, TrainState& state, dist::Communicator& ranks, ExportWeights export_weights)
    : folder_(folder),
      settings_(std::move(settings)),
      state_(state),
      ranks_(ranks),
      export_weights_(std::move(export_weights)),
      writer_(folder.checkpoints(), settings_.run_id, settings_.attempt, ranks) {}

bool Checkpointing::resume() {
  const ckpt::NewestCheckpoint found = ckpt::find_newest(folder_.checkpoints(), ranks_);
  for (const std::string& damage : leads() ? found.damaged : std::vector<std::string>()) {
    spdlog::warn("damaged checkpoint: {}; taking the one before", damage);
  }
  if (!found.checkpoint) {
    if (!found.damaged.empty()) {
      throw CheckpointError("{}: no checkpoint is whole ({} damaged, named above); remove the folder to start again from step 0",
                            folder_.checkpoints().string(), found.damaged.size());
    }
    return false;
  }
  const ckpt::Checkpoint& checkpoint = *found.checkpoint;
  if (checkpoint.manifest().run_id != settings_.run_id) {
    throw CheckpointError("{} was written by run {}, this is run {}; it cannot go on from another run's state", checkpoint.folder().string(),
                          checkpoint.manifest().run_id, settings_.run_id);
  }
  checkpoint.load(state_.view(settings_.weights_info, ranks_.rank(), ranks_.world()));
  state_.complete(ranks_);
  state_.take_records(checkpoint.records());
  saved_step_ = checkpoint.step();
  spdlog::info("resumed after step {} from {}", checkpoint.step(), checkpoint.folder().string());
  return true;
}

void Checkpointing::save() {
  const std::int64_t step = state_.progress.step;
  if (saved_step_ == step) {
    return;
  }
  const auto start = std::chrono::steady_clock::now();
  const ckpt::SavedCheckpoint saved = writer_.save(state_.view(settings_.weights_info, ranks_.rank(), ranks_.world()), step);
  saved_step_ = step;
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  spdlog::info("checkpoint {} ({:.1f} MB in {:.1f} s)", saved.folder.string(), static_cast<double>(saved.bytes) / 1e6, seconds);
  const auto& best = state_.progress.best;
  writer_.prune(settings_.storage.keep_last, best && settings_.save.save_best ? std::optional(best->step) : std::nullopt);
}

void Checkpointing::save_periodically() {
  try {
    save();
  } catch (const CheckpointError& error) {
    ++failed_saves_;
    if (leads()) {
      spdlog::error("save {} failed, training goes on: {}", failed_saves_, error.what());
    }
  }
}

void Checkpointing::save_finally() { save(); }

void Checkpointing::save_best() {
  if (!settings_.save.save_best) {
    return;
  }
  try {
    save();
    if (leads()) {
      writer_.mark_best(state_.progress.step);
      export_weights_(folder_.exported_models() / "exported_best.safetensors", state_.progress.best->value);
    }
  } catch (const Error& error) {
    ++failed_saves_;
    if (!leads()) {
      return;
    }
    spdlog::error("the best weights so far could not be kept, training goes on: {}", error.what());
  }
}

}  // namespace muster::train
