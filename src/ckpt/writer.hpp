// Writes checkpoints so that a folder named step-N is complete at every moment, whatever is killed and when (CONTRACTS 12).
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ckpt/manifest.hpp"
#include "core/state.hpp"
#include "dist/communicator.hpp"

namespace muster::ckpt {

// Moments of a save at which a kill must leave the checkpoints before it valid, in order.
enum class SavePhase { kStarted, kStateWritten, kManifestWritten, kCommitted, kMovedOldAside, kRenamed };

struct SavedCheckpoint {
  std::filesystem::path folder;
  std::uint64_t bytes = 0;  // of the state files of all ranks
};

// One per rank. Rank 0 works in the folder `checkpoints`, which must be seen by all: it removes the leftovers of killed attempts at
// construction, commits and prunes; every rank writes the state that it holds. One thread at a time.
class Writer {
 public:
  // `checkpoints` is the run's folder for them; it is made by the first save. `attempt` counts starts of the run.
  Writer(std::filesystem::path checkpoints, std::string run_id, int attempt, dist::Communicator& ranks);
  // Of a run of one rank.
  Writer(std::filesystem::path checkpoints, std::string run_id, int attempt = 0);

  // Collective. Writes, commits and renames to step-N, and points `last` at it. An unreadable step-N in the way becomes
  // step-N.bad-K, a complete one is replaced. Whatever fails on any rank (a full disk, most often) removes the unfinished folder
  // and throws the same CheckpointError on all: the checkpoints before are as they were.
  SavedCheckpoint save(const StateView& view, std::int64_t step);

  // Rank 0 points `best` at a committed step. OutputError from the disk.
  void mark_best(std::int64_t step);

  // Rank 0 removes committed checkpoints other than the `keep_last` newest and `best`; returns the steps removed. Only complete ones
  // are counted, and damaged ones are left for the user to look at.
  std::vector<std::int64_t> prune(std::int64_t keep_last, std::optional<std::int64_t> best) const;

  // For tests of kills: called at each phase of save().
  void on_phase(std::function<void(SavePhase)> hook) { hook_ = std::move(hook); }

 private:
  void together(std::int64_t step, const std::filesystem::path& unfinished, const std::function<void()>& stage);
  bool leads() const noexcept { return ranks_.rank() == 0; }
  void make_folder(const std::filesystem::path& unfinished) const;
  StoredFile write_part(const StateView& view, std::int64_t step, const std::filesystem::path& unfinished) const;
  void commit(const StateView& view, std::int64_t step, const std::filesystem::path& unfinished, std::vector<StoredFile> files) const;
  void clear_the_way(std::int64_t step) const;
  void tidy_up(std::int64_t step) const;
  void reached(SavePhase phase) const;

  std::unique_ptr<dist::Communicator> solo_;  // what ranks_ is in a run of one rank
  dist::Communicator& ranks_;
  std::filesystem::path checkpoints_;
  std::string run_id_;
  int attempt_;
  std::function<void(SavePhase)> hook_;
};

}  // namespace muster::ckpt
