// A packed dataset: its manifest, its classes, and a reader per split.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "data/class_list.hpp"
#include "data/manifest.hpp"
#include "data/shard_reader.hpp"

namespace muster::data {

class Dataset {
 public:
  // DataError when the folder is missing or is no finished dataset.
  static Dataset open(const std::filesystem::path& folder);

  const std::filesystem::path& folder() const noexcept { return folder_; }
  const Manifest& manifest() const noexcept { return manifest_; }
  const ClassList& classes() const noexcept { return manifest_.classes; }
  bool has_split(const std::string& name) const { return manifest_.splits.contains(name); }
  std::vector<std::string> split_names() const;
  // DataError, listing the splits there are, for a name that is none. The rest is as ShardReader takes it.
  ShardReader split(const std::string& name, IndexCheck check = IndexCheck::kWhole, const ReadOptions& options = {}) const;
  // XXH3-128 over the names and fingerprints of all splits and the class list: what run.json records.
  std::string fingerprint() const;

 private:
  Dataset(std::filesystem::path folder, Manifest manifest);
  std::filesystem::path folder_;
  Manifest manifest_;
};

}  // namespace muster::data
