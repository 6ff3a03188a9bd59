#include "ckpt/writer.hpp"

#include <algorithm>
#include <sstream>
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

void clear_leftovers(const fs::path& checkpoints) {
  if (const int removed = remove_leftovers(checkpoints); removed > 0) {
    spdlog::info("{}: removed {} unfinished checkpoint(s) that an interrupted run left behind", checkpoints.string(), removed);
  }
}

// Collective: what every rank wrote, by rank.
std::vector<StoredFile> gather_files(const StoredFile& mine, dist::Communicator& ranks) {
  std::vector<StoredFile> files;
  for (const std::string& line : dist::gather_texts(ranks, fmt::format("{} {} {}", mine.name, mine.bytes, mine.hash))) {
    StoredFile file;
    std::istringstream(line) >> file.name >> file.bytes >> file.hash;
    files.push_back(std::move(file));
  }
  return files;
}

}  // namespace

Writer::Writer(fs::path checkpoints, std::string run_id, int attempt, dist::Communicator& ranks)
    : ranks_(ranks), checkpoints_(std::move(checkpoints)), run_id_(std::move(run_id)), attempt_(attempt) {
  if (leads()) {
    clear_leftovers(checkpoints_);
  }
}

Writer::Writer(fs::path checkpoints, std::string run_id, int attempt)
    : solo_(dist::make_solo_communicator()),
      ranks_(*solo_),
      checkpoints_(std::move(checkpoints)),
      run_id_(std::move(run_id)),
      attempt_(attempt) {
  clear_leftovers(checkpoints_);
}

SavedCheckpoint Writer::save(const StateView& view, std::int64_t step) {
  const fs::path final_folder = checkpoints_ / step_folder_name(step);
  const fs::path unfinished = fmt::format("{}.tmp-{}", final_folder.string(), attempt_);
  StoredFile part;
  together(step, unfinished, [&] {
    if (leads()) {
      make_folder(unfinished);
    }
    reached(SavePhase::kStarted);
  });
  together(step, unfinished, [&] {
    part = write_part(view, step, unfinished);
    reached(SavePhase::kStateWritten);
  });
  std::vector<StoredFile> files = gather_files(part, ranks_);
  SavedCheckpoint saved{.folder = final_folder};
  for (const StoredFile& file : files) {
    saved.bytes += file.bytes;
  }
  together(step, unfinished, [&] {
    if (leads()) {
      commit(view, step, unfinished, std::move(files));
    }
  });
  return saved;
}

// A stage of a save on this rank, and then everybody's word that it succeeded.
void Writer::together(std::int64_t step, const fs::path& unfinished, const std::function<void()>& stage) {
  std::string failure;
  try {
    stage();
  } catch (const OutputError& error) {
    failure = error.what();
  }
  const std::vector<std::string> failures = dist::gather_texts(ranks_, failure);
  const auto first = std::ranges::find_if(failures, [](const std::string& text) { return !text.empty(); });
  if (first == failures.end()) {
    return;
  }
  if (leads()) {
    std::error_code best_effort;
    fs::remove_all(unfinished, best_effort);
  }
  const std::string where = ranks_.world() == 1 ? "" : fmt::format("on rank {}, ", first - failures.begin());
  throw CheckpointError("the checkpoint of step {} was not saved: {}{}. Checkpoints saved before it are as they were", step, where, *first);
}

void Writer::make_folder(const fs::path& unfinished) const {
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
}

StoredFile Writer::write_part(const StateView& view, std::int64_t step, const fs::path& unfinished) const {
  // Slices are about equal, so this rank can say what all need.
  check_free_space(unfinished, bytes_to_write(view, ranks_.rank()) * static_cast<std::uint64_t>(ranks_.world()));
  return write_state_file(unfinished, view, ranks_.rank(), ranks_.world(), {.run_id = run_id_, .step = step});
}

void Writer::commit(const StateView& view, std::int64_t step, const fs::path& unfinished, std::vector<StoredFile> files) const {
  Manifest manifest = describe(view, ranks_.rank(), ranks_.world());
  manifest.run_id = run_id_;
  manifest.step = step;
  manifest.files = std::move(files);
  const std::string json = to_json(manifest);
  write_file_atomically(unfinished / kManifestName, json);
  reached(SavePhase::kManifestWritten);
  write_file_atomically(unfinished / kCommitName, commit_text(json, run_id_, step));
  reached(SavePhase::kCommitted);
  clear_the_way(step);
  reached(SavePhase::kMovedOldAside);
  rename_folder(unfinished, checkpoints_ / step_folder_name(step));
  fsync_folder(checkpoints_);
  reached(SavePhase::kRenamed);
  tidy_up(step);
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
  if (leads()) {
    replace_symlink(checkpoints_ / "best", step_folder_name(step));
  }
}

std::vector<std::int64_t> Writer::prune(std::int64_t keep_last, std::optional<std::int64_t> best) const {
  check(keep_last > 0, "prune: keep_last={}", keep_last);
  if (!leads()) {
    return {};
  }
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
