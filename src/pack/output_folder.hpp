// The folder that pack writes to: what it may hold before, and what is left of it when packing fails.
#pragma once

#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/atomic_file.hpp"
#include "data/manifest.hpp"

namespace muster::pack {

class OutputFolder {
 public:
  // Accepts a folder that is not there (made on begin()), an empty one, a packed data set, or what an interrupted packing
  // left. ConfigError for anything else, DataError for a manifest that cannot be read.
  explicit OutputFolder(std::filesystem::path path);
  // Removes what this call made, unless finish() or keep() was called.
  ~OutputFolder();
  OutputFolder(const OutputFolder&) = delete;
  OutputFolder& operator=(const OutputFolder&) = delete;

  const std::filesystem::path& path() const noexcept { return path_; }
  const std::optional<data::Manifest>& manifest() const noexcept { return manifest_; }

  // Makes and locks the folder, clears temporary files of dead processes, and writes plan.json. ConfigError when another
  // process packs there, or when an interrupted packing had another plan and `restart` is false (true: its shards are removed).
  // `needed_bytes`: OutputError when the file system has less room; what an earlier call finished is counted as room.
  void begin(const std::string& plan_json, const std::vector<std::string>& splits, bool restart, std::uint64_t needed_bytes = 0);
  // Commits the manifest; plan.json, the shards' notes and indices of older generations go.
  void finish(const data::Manifest& manifest);
  // Packing failed for a reason that may pass: what is finished stays for the next call, if there is a finished shard.
  void keep();
  // All is packed already: removes what a packing left that was killed behind its manifest. Nothing when another process packs there.
  void tidy();

 private:
  void lock();
  void check_room(std::uint64_t needed_bytes) const;
  void remove_parts(const std::vector<std::string>& splits, bool temporary_only) const;
  void remove_leftovers() const;

  std::filesystem::path path_;
  std::string manifest_text_;
  std::optional<data::Manifest> manifest_;
  std::set<std::string> packed_files_;  // that the manifest lists: never removed
  std::string old_plan_;                // text of plan.json before this call
  std::vector<std::filesystem::path> made_folders_;
  std::vector<std::string> splits_;
  UniqueFd lock_;
  bool begun_ = false;
  bool kept_ = false;
};

}  // namespace muster::pack
