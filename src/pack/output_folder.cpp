#include "pack/output_folder.hpp"

#include <algorithm>
#include <cerrno>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <spdlog/spdlog.h>

#include "core/error.hpp"
#include "data/shard_format.hpp"
#include "io/value.hpp"
#include "pack/plan.hpp"

namespace muster::pack {

namespace fs = std::filesystem;

namespace {

std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> names;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

// Shards, their notes and the index of a split: "train-00012.h5", "train-00012.json", "index-train.h5", "index-train.g1.h5".
bool is_part_of(const std::string& file, const std::string& split) {
  const bool shard =
      file.size() > split.size() + 1 && file.starts_with(split + "-") && file[split.size() + 1] >= '0' && file[split.size() + 1] <= '9';
  return shard || file.starts_with("index-" + split + ".");
}

bool is_temporary(const std::string& file) {
  return file.find(".tmp.") != std::string::npos;
}

bool is_shard(const std::string& file) {
  return file.ends_with(".h5") && !file.starts_with("index-");
}

std::set<std::string> files_of(const data::Manifest& manifest) {
  std::set<std::string> files;
  for (const auto& [name, split] : manifest.splits) {
    files.insert(split.index.file);
    for (const data::ManifestShard& shard : split.shards) {
      files.insert(shard.file);
    }
  }
  return files;
}

std::vector<std::string> splits_of_plan(const std::string& plan_text, const fs::path& path) {
  const io::Value plan = io::parse_json(plan_text, path.string());
  std::vector<std::string> splits;
  for (const io::Value::Member& member : plan.at("splits").as_map()) {
    splits.push_back(member.key);
  }
  return splits;
}

// Splits that the plan was to pack, or to append to, and that the manifest does not have so.
std::vector<std::string> unfinished_splits(const std::string& plan_text, const fs::path& path,
                                           const std::optional<data::Manifest>& manifest) {
  const io::Value plan = io::parse_json(plan_text, path.string());
  std::vector<std::string> splits;
  for (const io::Value::Member& member : plan.at("splits").as_map()) {
    const io::Value* first = member.value.find("first_shard");
    const std::uint64_t first_shard = first == nullptr ? 0 : first->as_uint();
    const bool packed = manifest && manifest->splits.contains(member.key) && manifest->splits.at(member.key).shards.size() > first_shard;
    if (!packed) {
      splits.push_back(member.key);
    }
  }
  return splits;
}

std::string text_of_file(const fs::path& path) {
  return fs::exists(path) ? read_file(path) : std::string();
}

void remove_quietly(const fs::path& path) {
  std::error_code error;
  if (fs::exists(fs::symlink_status(path, error)) && !fs::remove(path, error) && error) {
    spdlog::warn("cannot remove {}: {}", path.string(), error.message());
  }
}

}  // namespace

OutputFolder::OutputFolder(fs::path path) : path_(std::move(path)) {
  std::error_code error;
  const fs::file_status status = fs::status(path_, error);
  if (status.type() == fs::file_type::not_found) {
    return;
  }
  if (status.type() != fs::file_type::directory) {
    throw ConfigError("out={} is a file; name a folder", path_.string());
  }
  const std::vector<std::string> names = names_in(path_);
  const bool has_plan = std::find(names.begin(), names.end(), kPlanFile) != names.end();
  if (std::find(names.begin(), names.end(), data::kManifestFile) != names.end()) {
    manifest_text_ = text_of_file(path_ / data::kManifestFile);
    manifest_ = data::read_manifest(path_);
    packed_files_ = files_of(*manifest_);
  } else if (!names.empty() && !has_plan && !std::ranges::all_of(names, is_temporary)) {
    throw ConfigError("out={} holds something else ({}{}); choose a new folder", path_.string(), names.front(),
                      names.size() > 1 ? fmt::format(" and {} more", names.size() - 1) : "");
  }
  if (has_plan) {
    old_plan_ = read_file(path_ / kPlanFile);
  }
}

// A lock on the folder itself leaves no file behind. File systems without locks go without.
void OutputFolder::lock() {
  lock_ = UniqueFd(::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!lock_) {
    throw_output_error("open the folder", path_, errno);
  }
  if (::flock(lock_.get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    kept_ = true;
    throw ConfigError("out={}: another muster pack is writing there; wait for it, or choose another folder", path_.string());
  }
  if (text_of_file(path_ / data::kManifestFile) != manifest_text_ || text_of_file(path_ / kPlanFile) != old_plan_) {
    kept_ = true;
    throw ConfigError("out={}: another muster pack wrote there just now; give the same command again", path_.string());
  }
}

// Told before hours of work; a disk that others fill meanwhile is noticed when it is full.
void OutputFolder::check_room(std::uint64_t needed_bytes) const {
  std::uint64_t finished = 0;
  for (const std::string& name : names_in(path_)) {
    const bool part = std::ranges::any_of(splits_, [&](const std::string& split) { return is_part_of(name, split); });
    finished += part && is_shard(name) && !packed_files_.contains(name) ? fs::file_size(path_ / name) : 0;
  }
  std::error_code error;
  const fs::space_info space = fs::space(path_, error);
  if (!error && needed_bytes > finished + space.available) {
    throw OutputError("out={}: the shards need about {:.1f} MB, and {:.1f} MB are free there; make room or choose another folder",
                      path_.string(), static_cast<double>(needed_bytes - finished) / 1e6, static_cast<double>(space.available) / 1e6);
  }
}

void OutputFolder::begin(const std::string& plan_json, const std::vector<std::string>& splits, bool restart, std::uint64_t needed_bytes) {
  for (fs::path folder = fs::absolute(path_).lexically_normal(); !folder.empty() && !fs::exists(folder); folder = folder.parent_path()) {
    made_folders_.push_back(folder);
  }
  begun_ = true;
  splits_ = splits;
  std::error_code error;
  fs::create_directories(path_, error);
  if (error) {
    throw_output_error("make the folder", path_, error.value());
  }
  lock();
  if (!old_plan_.empty() && old_plan_ != plan_json) {
    const std::vector<std::string> unfinished = unfinished_splits(old_plan_, path_ / kPlanFile, manifest_);
    if (!unfinished.empty() && !restart) {
      kept_ = true;
      throw ConfigError(
          "out={} holds an interrupted packing of split {} from other sources or settings; give the same ones to go on, or "
          "restart=true to throw it away",
          path_.string(), fmt::join(unfinished, ", "));
    }
    remove_parts(splits_of_plan(old_plan_, path_ / kPlanFile), false);
  }
  remove_parts(splits, true);
  try {
    check_room(needed_bytes);
    write_file_atomically(path_ / kPlanFile, plan_json);
  } catch (const OutputError&) {
    keep();  // what an earlier call finished
    throw;
  }
}

void OutputFolder::finish(const data::Manifest& manifest) {
  data::write_manifest(path_, manifest);
  kept_ = true;
  packed_files_ = files_of(manifest);
  remove_leftovers();
}

void OutputFolder::tidy() {
  if (old_plan_.empty() || !manifest_ || !unfinished_splits(old_plan_, path_ / kPlanFile, manifest_).empty()) {
    return;
  }
  kept_ = true;
  try {
    lock();
  } catch (const ConfigError&) {
    return;  // whoever packs there now tidies up
  }
  remove_leftovers();
}

// Behind a committed manifest; plan.json goes last, so that a kill in between is noticed.
void OutputFolder::remove_leftovers() const {
  remove_parts(splits_of_plan(read_file(path_ / kPlanFile), path_ / kPlanFile), false);
  remove_quietly(path_ / kPlanFile);
  fsync_folder(path_);
}

void OutputFolder::keep() {
  const std::vector<std::string> names = names_in(path_);
  kept_ = std::any_of(names.begin(), names.end(), [this](const std::string& name) {
    return std::any_of(splits_.begin(), splits_.end(), [&](const std::string& split) {
      return is_part_of(name, split) && is_shard(name) && !is_temporary(name) && !packed_files_.contains(name);
    });
  });
}

OutputFolder::~OutputFolder() {
  if (!begun_ || kept_) {
    return;
  }
  try {
    if (fs::exists(path_)) {
      remove_parts(splits_, false);
      remove_quietly(path_ / kPlanFile);
    }
    for (const fs::path& folder : made_folders_) {
      remove_quietly(folder);
    }
  } catch (const std::exception& error) {
    spdlog::warn("{} was not cleaned up: {}", path_.string(), error.what());
  }
}

// Of these splits, what the manifest does not list.
void OutputFolder::remove_parts(const std::vector<std::string>& splits, bool temporary_only) const {
  for (const std::string& name : names_in(path_)) {
    const bool part = std::any_of(splits.begin(), splits.end(), [&](const std::string& split) { return is_part_of(name, split); });
    const bool ours = part || name.starts_with(data::kManifestFile) || name.starts_with(kPlanFile) || name.starts_with("skipped.csv");
    if ((is_temporary(name) && ours) || (part && !temporary_only && !packed_files_.contains(name))) {
      remove_quietly(path_ / name);
    }
  }
}

}  // namespace muster::pack
