// Writes checkpoints so that a folder named step-N is complete at every moment, whatever is killed and when (CONTRACTS 12).
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/state.hpp"

namespace muster::ckpt {

// Moments of a save at which a kill must leave the checkpoints before it valid, in order.
enum class SavePhase { kStarted, kStateWritten, kManifestWritten, kCommitted, kMovedOldAside, kRenamed };

struct SavedCheckpoint {
  std::filesystem::path folder;
  std::uint64_t bytes = 0;  // of the state file
};

// One per run, in the process that holds the run's folder: leftovers of killed attempts are removed at construction.
// One thread at a time.
class Writer {
 public:
  // `checkpoints` is the run's folder for them; it is made by the first save. `attempt` counts starts of the run.
  Writer(std::filesystem::path checkpoints, std::string run_id, int attempt = 0);

  // Writes, commits and renames to step-N, and points `last` at it. An unreadable step-N in the way becomes step-N.bad-K, a
  // complete one is replaced. Whatever fails (a full disk, most often) removes the unfinished folder and throws
  // CheckpointError: the checkpoints before are as they were.
  SavedCheckpoint save(const StateView& view, std::int64_t step);

  // Points `best` at a committed step. OutputError from the disk.
  void mark_best(std::int64_t step);

  // Removes committed checkpoints other than the `keep_last` newest and `best`; returns the steps removed. Only complete ones
  // are counted, and damaged ones are left for the user to look at.
  std::vector<std::int64_t> prune(std::int64_t keep_last, std::optional<std::int64_t> best) const;

  // For tests of kills: called at each phase of save().
  void on_phase(std::function<void(SavePhase)> hook) { hook_ = std::move(hook); }

 private:
  std::uint64_t write_and_commit(const StateView& view, std::int64_t step, const std::filesystem::path& unfinished);
  void clear_the_way(std::int64_t step) const;
  void tidy_up(std::int64_t step) const;
  void reached(SavePhase phase) const;

  std::filesystem::path checkpoints_;
  std::string run_id_;
  int attempt_;
  std::function<void(SavePhase)> hook_;
};

}  // namespace muster::ckpt
