// The folder that one run writes to: names of its parts, and a lock so that no second process writes to it.
#pragma once

#include <filesystem>

#include "core/atomic_file.hpp"

namespace muster {

class RunFolder {
 public:
  // Makes the folder when it is missing and locks it for the life of this object (flock on `.lock`, so a killed process
  // leaves no lock behind). ConfigError when another process holds it; OutputError when it cannot be made.
  explicit RunFolder(std::filesystem::path folder);
  // The same folder on the other ranks of the run: names only, the lock is rank 0's.
  static RunFolder held_by_rank_0(std::filesystem::path folder);

  const std::filesystem::path& path() const noexcept { return folder_; }
  std::filesystem::path checkpoints() const { return folder_ / "checkpoints"; }
  std::filesystem::path exported_models() const { return folder_ / "exported_models"; }
  std::filesystem::path run_json() const { return folder_ / "run.json"; }
  std::filesystem::path recipe_yaml() const { return folder_ / "recipe.yaml"; }
  std::filesystem::path eval_json() const { return folder_ / "eval.json"; }

  bool holds_run() const { return std::filesystem::exists(run_json()); }
  // Whether anything but our lock is in it.
  bool is_empty() const;
  // Removes everything but the lock.
  void clear();

 private:
  RunFolder() = default;

  std::filesystem::path folder_;
  UniqueFd lock_;
};

}  // namespace muster
