#include "ckpt/writer.hpp"

#include <algorithm>
#include <system_error>
#include <utility>

#include <spdlog/spdlog.h>

#include "ckpt/commit.hpp"
#include "ckpt/folders.hpp"
#include "ckpt/manifest.hpp"
#include "ckpt/state_file.hpp"
#include "core/atomic_file.hpp"
#include "core/error.hpp"

namespace muster::ckpt {

namespace fs = std::filesystem;

namespace {

constexpr std::uint64_t kSmallFiles = 1 << 20;  // bytes: manifest, COMMIT and headers are below this

bool is_committed(const fs::path& folder) {
  try {
    const Manifest manifest = read_committed(folder);
    return step_folder_name(manifest.step) == folder.filename();
  } catch (const CheckpointError&) {
    return false;
  }
}

// Early, so that nothing is written in vain and the message can say how much is missing.
void check_free_space(const fs::path& folder, std::uint64_t bytes) {
  std::error_code error;
  const fs::space_info space = fs::space(folder, error);
  if (!error && space.available < bytes + kSmallFiles) {
    throw OutputError("disk full: {} bytes are needed in {} and {} are free", bytes + kSmallFiles, folder.string(), space.available);
  }
}

void rename_folder(const fs::path& from, const fs::path& to) {
  std::error_code error;
  fs::rename(from, to, error);
  if (error) {
    throw_output_error("rename", from, error.value());
  }
}

}  // namespace

Writer::Writer(fs::path checkpoints, std::string run_id, int attempt)
    : checkpoints_(std::move(checkpoints)), run_id_(std::move(run_id)), attempt_(attempt) {
  if (const int removed = remove_leftovers(checkpoints_); removed > 0) {
    spdlog::info("{}: removed {} unfinished checkpoint(s) that an interrupted run left behind", checkpoints_.string(), removed);
  }
}

SavedCheckpoint Writer::save(const StateView& view, std::int64_t step) {
  const fs::path final_folder = checkpoints_ / step_folder_name(step);
  const fs::path unfinished = fmt::format("{}.tmp-{}", final_folder.string(), attempt_);
  try {
    const std::uint64_t bytes = write_and_commit(view, step, unfinished);
    clear_the_way(step);
    reached(SavePhase::kMovedOldAside);
    rename_folder(unfinished, final_folder);
    fsync_folder(checkpoints_);
    reached(SavePhase::kRenamed);
    tidy_up(step);
    return {.folder = final_folder, .bytes = bytes};
  } catch (const OutputError& error) {
    std::error_code best_effort;
    fs::remove_all(unfinished, best_effort);
    throw CheckpointError("the checkpoint of step {} was not saved: {}. Checkpoints saved before it are as they were", step, error.what());
  }
}

std::uint64_t Writer::write_and_commit(const StateView& view, std::int64_t step, const fs::path& unfinished) {
  std::error_code error;
  fs::remove_all(unfinished, error);
  const bool is_first = fs::create_directories(checkpoints_, error);
  fs::create_directory(unfinished, error);
  if (error) {
    throw_output_error("create", unfinished, error.value());
  }
  if (is_first && checkpoints_.has_parent_path()) {
    fsync_folder(checkpoints_.parent_path());
  }
  reached(SavePhase::kStarted);
  check_free_space(unfinished, bytes_to_write(view, 0));
  Manifest manifest = describe(view, 0, 1);
  manifest.run_id = run_id_;
  manifest.step = step;
  manifest.files.push_back(write_state_file(unfinished, view, 0, 1, {.run_id = run_id_, .step = step}));
  reached(SavePhase::kStateWritten);
  const std::string json = to_json(manifest);
  write_file_atomically(unfinished / kManifestName, json);
  reached(SavePhase::kManifestWritten);
  write_file_atomically(unfinished / kCommitName, commit_text(json, run_id_, step));
  reached(SavePhase::kCommitted);
  return manifest.files.front().bytes;
}

void Writer::clear_the_way(std::int64_t step) const {
  const fs::path folder = checkpoints_ / step_folder_name(step);
  if (!fs::exists(fs::symlink_status(folder))) {
    return;
  }
  if (is_committed(folder)) {
    rename_folder(folder, replaced_name(folder));
    return;
  }
  for (int count = 0;; ++count) {
    const fs::path aside = fmt::format("{}.bad-{}", folder.string(), count);
    if (!fs::exists(aside)) {
      rename_folder(folder, aside);
      spdlog::warn("{} was not a complete checkpoint; it is kept as {}", folder.string(), aside.filename().string());
      return;
    }
  }
}

void Writer::tidy_up(std::int64_t step) const {
  try {
    replace_symlink(checkpoints_ / "last", step_folder_name(step));
    remove_leftovers(checkpoints_);  // a complete folder of the same step, which the new one replaced
  } catch (const OutputError& error) {
    spdlog::warn("step {} is saved, but {}", step, error.what());
  }
}

void Writer::mark_best(std::int64_t step) {
  replace_symlink(checkpoints_ / "best", step_folder_name(step));
}

std::vector<std::int64_t> Writer::prune(std::int64_t keep_last, std::optional<std::int64_t> best) const {
  check(keep_last > 0, "prune: keep_last={}", keep_last);
  std::vector<std::int64_t> removed;
  std::int64_t kept = 0;
  for (const std::int64_t step : listed_steps(checkpoints_)) {
    const fs::path folder = checkpoints_ / step_folder_name(step);
    if (!is_committed(folder)) {
      continue;
    }
    if (kept < keep_last) {
      ++kept;
      continue;
    }
    if (step == best) {
      continue;
    }
    remove_folder(folder);
    removed.push_back(step);
  }
  return removed;
}

void Writer::reached(SavePhase phase) const {
  if (hook_) {
    hook_(phase);
  }
}

}  // namespace muster::ckpt
