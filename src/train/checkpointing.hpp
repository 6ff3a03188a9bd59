// When a run saves, what counts as best, and how it finds its way back in (CONTRACTS 12).
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "ckpt/checkpoint_options.hpp"
#include "ckpt/writer.hpp"
#include "core/run_folder.hpp"
#include "dist/communicator.hpp"
#include "train/train_state.hpp"

namespace muster::train {

// The weights as they are now, with their score where there is one, to the given file.
using ExportWeights = std::function<void(const std::filesystem::path&, std::optional<double> score)>;

// One per rank; every function but is_due() and failed_saves() is collective.
class Checkpointing {
 public:
  struct Settings {
    ckpt::SaveCheckpointOptions save;
    ckpt::CheckpointingOptions storage;
    std::string run_id;
    std::string weights_info;  // JSON stored in each checkpoint, so that it can be exported by itself
    int attempt = 0;           // counts starts of the run
  };

  Checkpointing(const RunFolder& folder, Settings settings, TrainState& state, dist::Communicator& ranks, ExportWeights export_weights);

  // Fills the state from the newest checkpoint that is whole; a damaged one is named in the log and the one before is taken.
  // False: there is none. CheckpointError when there are some but none is whole, or when it belongs to another run.
  bool resume();

  bool is_due(std::int64_t step) const { return step % settings_.save.save_every_num_steps == 0; }

  // Between steps. A failed save leaves the older checkpoints as they were; training goes on, and the next one is tried.
  void save_periodically();
  // Before the process leaves: a failure throws CheckpointError.
  void save_finally();
  // The validation at the current step was the best so far: its checkpoint is kept and its weights exported.
  void save_best();

  std::int64_t failed_saves() const noexcept { return failed_saves_; }

 private:
  void save();
  bool leads() const noexcept { return ranks_.rank() == 0; }

  const RunFolder& folder_;
  Settings settings_;
  TrainState& state_;
  dist::Communicator& ranks_;
  ExportWeights export_weights_;
  ckpt::Writer writer_;
  std::int64_t saved_step_ = -1;
  std::int64_t failed_saves_ = 0;
};

}  // namespace muster::train
