// What a path on the command line means: a weight file, a checkpoint folder or a run's folder, under our names or under
// those of the reference documents (CONTRACTS 12, 16).
#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace muster::ckpt {

struct ResolvedPath {
  std::filesystem::path path;  // exists
  bool checkpoint = false;     // a checkpoint folder; else a weight file
  std::string notice;          // one sentence when another path than the given one was taken, else empty
};

// In order: an existing weight file; a checkpoint folder (or the symlinks last and best); a `checkpoints` folder or a run's
// folder (exported best, else best checkpoint, else exported last, else last checkpoint, else the newest); `last.ckpt`,
// `best.ckpt`, `exported_best.pt`, `exported_last.pt` that do not exist themselves. None when nothing is there.
std::optional<ResolvedPath> resolve_weights_path(const std::filesystem::path& path);

}  // namespace muster::ckpt
