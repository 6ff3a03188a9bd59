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

std::vector<std::string> entries_of(const fs::path& folder) {
  std::vector<std::string> names;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

// Shards and index of a split: "train-00012.h5", "index-train.h5".
bool is_part_of(const std::string& file, const std::string& split) {
  const std::string index = data::index_file_name(split);
  const bool shard =
      file.size() > split.size() + 1 && file.starts_with(split + "-") && file[split.size() + 1] >= '0' && file[split.size() + 1] <= '9';
  return shard || file.starts_with(index);
}

std::vector<std::string> splits_of_plan(const std::string& text, const fs::path& path) {
  const io::Value plan = io::parse_json(text, path.string());
  std::vector<std::string> splits;
  for (const io::Value::Member& member : plan.at("splits").as_map()) {
    splits.push_back(member.key);
  }
  return splits;
}

void remove_quietly(const fs::path& path) {
  std::error_code error;
  if (!fs::remove(path, error) && error) {
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
  const std::vector<std::string> names = entries_of(path_);
  const bool has_plan = std::find(names.begin(), names.end(), kPlanFile) != names.end();
  if (std::find(names.begin(), names.end(), data::kManifestFile) != names.end()) {
    manifest_ = data::read_manifest(path_);
  } else if (!names.empty() && !has_plan) {
    throw ConfigError("out={} holds something else ({}{}); choose a new folder", path_.string(), names.front(),
                      names.size() > 1 ? fmt::format(" and {} more", names.size() - 1) : "");
  }
  if (has_plan) {
    old_plan_ = read_file(path_ / kPlanFile);
  }
}

void OutputFolder::begin(const std::string& plan_json, const std::vector<std::string>& splits, bool restart) {
  for (fs::path folder = fs::absolute(path_).lexically_normal(); !folder.empty() && !fs::exists(folder); folder = folder.parent_path()) {
    made_folders_.push_back(folder);
  }
  begun_ = true;
  splits_ = splits;
  std::error_code error;
  fs::create_directories(path_, error);
  lock_ = UniqueFd(::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!lock_) {
    throw_output_error("make the folder", path_, error ? error.value() : errno);
  }
  // A lock on the folder itself leaves no file behind. File systems without locks go without.
  if (::flock(lock_.get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    kept_ = true;
    throw ConfigError("out={}: another muster pack is writing there; wait for it, or choose another folder", path_.string());
  }
  if (!old_plan_.empty() && old_plan_ != plan_json) {
    std::vector<std::string> unfinished = splits_of_plan(old_plan_, path_ / kPlanFile);
    std::erase_if(unfinished, [this](const std::string& split) { return manifest_ && manifest_->splits.contains(split); });
    if (!unfinished.empty() && !restart) {
      kept_ = true;
      throw ConfigError(
          "out={} holds an interrupted packing of split {} from other sources or settings; give the same ones to go on, or "
          "restart=true to throw it away",
          path_.string(), fmt::join(unfinished, ", "));
    }
    remove_parts(unfinished, false);
  }
  remove_parts(splits, true);
  write_file_atomically(path_ / kPlanFile, plan_json);
}

void OutputFolder::finish(const data::Manifest& manifest) {
  data::write_manifest(path_, manifest);
  kept_ = true;
  remove_quietly(path_ / kPlanFile);
  fsync_folder(path_);
}

void OutputFolder::keep() {
  const std::vector<std::string> names = entries_of(path_);
  kept_ = std::any_of(names.begin(), names.end(), [this](const std::string& name) {
    return std::any_of(splits_.begin(), splits_.end(),
                       [&](const std::string& split) { return is_part_of(name, split) && name.find(".tmp.") == std::string::npos; });
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

void OutputFolder::remove_parts(const std::vector<std::string>& splits, bool temporary_only) const {
  for (const std::string& name : entries_of(path_)) {
    const bool temporary = name.find(".tmp.") != std::string::npos;
    const bool part = std::any_of(splits.begin(), splits.end(), [&](const std::string& split) { return is_part_of(name, split); });
    const bool ours = part || name.starts_with(data::kManifestFile) || name.starts_with(kPlanFile) || name.starts_with("skipped.csv");
    if ((temporary && ours) || (part && !temporary_only)) {
      remove_quietly(path_ / name);
    }
  }
}

}  // namespace muster::pack
