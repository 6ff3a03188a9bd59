// Reads checkpoints: finds the newest one that is whole, and fills a StateView from it, however the state is cut now.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "ckpt/manifest.hpp"
#include "core/state.hpp"
#include "dist/communicator.hpp"

namespace muster::ckpt {

// kWhole: the view's entries and the checkpoint's are the same set. kPart: the view may want fewer (weights alone).
enum class Coverage { kWhole, kPart };

// A checkpoint whose every byte agreed with its hashes when it was opened. Safe to read from any thread.
class Checkpoint {
 public:
  // Verifies COMMIT, manifest and all files. CheckpointError naming the file and what is wrong with it.
  static Checkpoint open(const std::filesystem::path& folder);
  // COMMIT, manifest and this rank's share of the files: whole when no rank throws.
  static Checkpoint open_share(const std::filesystem::path& folder, int rank, int world);

  const std::filesystem::path& folder() const noexcept { return folder_; }
  const Manifest& manifest() const noexcept { return manifest_; }
  std::int64_t step() const noexcept { return manifest_.step; }
  const std::vector<StateRecord>& records() const noexcept { return manifest_.records; }
  // JSON text of a record. CheckpointError when there is none of this name.
  const std::string& record(const std::string& name) const;

  // Fills the memory of every entry's pieces. Pieces may be cut for any number of ranks, whatever the writer's was. Throws
  // CheckpointError when names, sizes, element types or the tensors' places differ; memory may be partly filled then.
  void load(const StateView& view, Coverage coverage = Coverage::kWhole) const;

 private:
  Checkpoint(std::filesystem::path folder, Manifest manifest) : folder_(std::move(folder)), manifest_(std::move(manifest)) {}
  void check_same_state(const StateView& view, Coverage coverage) const;

  std::filesystem::path folder_;
  Manifest manifest_;
};

struct NewestCheckpoint {
  std::optional<Checkpoint> checkpoint;
  std::vector<std::string> damaged;  // a sentence per newer folder that did not verify: which file, why
};

// The newest step-N in `checkpoints` that verifies.
NewestCheckpoint find_newest(const std::filesystem::path& checkpoints);
// Collective: each state file is read and verified by one rank; all find the same.
NewestCheckpoint find_newest(const std::filesystem::path& checkpoints, dist::Communicator& ranks);

// The same, for who cannot go on without: CheckpointError when there is none, with what is wrong with each that is there.
Checkpoint open_newest(const std::filesystem::path& checkpoints);

}  // namespace muster::ckpt
