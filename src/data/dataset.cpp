#include "data/dataset.hpp"

#include <fmt/ranges.h>

#include "core/error.hpp"
#include "core/hash.hpp"

namespace muster::data {

Dataset::Dataset(std::filesystem::path folder, Manifest manifest) : folder_(std::move(folder)), manifest_(std::move(manifest)) {}

Dataset Dataset::open(const std::filesystem::path& folder) {
  Manifest manifest = read_manifest(folder);
  if (manifest.base) {
    throw DataError("{} holds targets only, for the images of {}; this program reads sets with images", folder.string(),
                    manifest.base->path);
  }
  return {folder, std::move(manifest)};
}

std::vector<std::string> Dataset::split_names() const {
  std::vector<std::string> names;
  for (const auto& [name, split] : manifest_.splits) {
    names.push_back(name);
  }
  return names;
}

ShardReader Dataset::split(const std::string& name, IndexCheck check, const ReadOptions& options) const {
  if (!has_split(name)) {
    throw DataError("{} has no split \"{}\", only: {}; choose one of these, or pack it", folder_.string(), name,
                    fmt::join(split_names(), ", "));
  }
  return {folder_, name, manifest_, check, options};
}

std::string Dataset::fingerprint() const {
  Xxh3Stream hash;
  hash.update(manifest_.classes.names_crc32());
  for (const auto& [name, split] : manifest_.splits) {
    hash.update(name.c_str(), name.size() + 1);
    hash.update(split.fingerprint);
  }
  return hash.hex();
}

}  // namespace muster::data
