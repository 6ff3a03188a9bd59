#include "ckpt/resolve.hpp"

#include <initializer_list>
#include <vector>

#include <fmt/format.h>

#include "ckpt/commit.hpp"
#include "ckpt/folders.hpp"

namespace muster::ckpt {

namespace fs = std::filesystem;

namespace {

bool is_checkpoint(const fs::path& path) {
  return fs::is_directory(path) && fs::exists(path / kCommitName);
}

// Under the name that it has itself: a symlink such as `last` may point elsewhere by the time it is read.
ResolvedPath as_checkpoint(const fs::path& path) {
  return {.path = fs::canonical(path), .checkpoint = true, .notice = {}};
}

std::optional<ResolvedPath> first_of(const std::vector<fs::path>& candidates) {
  for (const fs::path& candidate : candidates) {
    if (is_checkpoint(candidate)) {
      return as_checkpoint(candidate);
    }
    if (fs::is_regular_file(candidate)) {
      return ResolvedPath{.path = candidate, .checkpoint = false, .notice = {}};
    }
  }
  return std::nullopt;
}

std::optional<ResolvedPath> in_folder(const fs::path& run, const fs::path& checkpoints) {
  const fs::path exported = run / "exported_models";
  std::vector<fs::path> candidates{exported / "exported_best.safetensors", checkpoints / "best", exported / "exported_last.safetensors",
                                   checkpoints / "last"};
  for (const std::int64_t step : listed_steps(checkpoints)) {
    candidates.push_back(checkpoints / step_folder_name(step));
  }
  return first_of(candidates);
}

std::optional<ResolvedPath> behind_a_reference_name(const fs::path& path) {
  const std::string name = path.filename().string();
  const fs::path folder = path.parent_path();
  if (name == "last.ckpt" || name == "best.ckpt") {
    return first_of({folder / path.stem()});
  }
  if (name == "exported_best.pt" || name == "exported_last.pt") {
    return first_of({folder / path.stem().concat(".safetensors")});
  }
  return std::nullopt;
}

}  // namespace

std::optional<ResolvedPath> resolve_weights_path(const fs::path& path) {
  if (fs::is_regular_file(path)) {
    return ResolvedPath{.path = path, .checkpoint = false, .notice = {}};
  }
  if (is_checkpoint(path)) {
    return as_checkpoint(path);
  }
  std::optional<ResolvedPath> found = fs::is_directory(path) ? in_folder(path, path / "checkpoints") : behind_a_reference_name(path);
  if (!found && path.filename() == "checkpoints") {
    found = in_folder(path.parent_path(), path);
  }
  if (found) {
    found->notice = fmt::format("{} is taken for {}", found->path.string(), path.string());
  }
  return found;
}

}  // namespace muster::ckpt
