// `muster pack`: folders of images and masks to a packed data set.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "pack/pack_options.hpp"

namespace muster::pack {

struct PackedSplit {
  std::string name;
  std::size_t samples = 0;
  std::size_t shards = 0;
  std::size_t taken_over = 0;  // shards that an interrupted packing had finished
  std::uint64_t bytes = 0;     // of all shard files
  std::size_t skipped = 0;     // samples left out under on_error=skip
  std::string fingerprint;
  bool was_there = false;  // packed before from the same sources: nothing was done
};

struct PackSummary {
  std::filesystem::path out;
  std::size_t classes = 0;
  std::vector<PackedSplit> splits;
  std::vector<std::string> notices;  // sentences for the user: what was ignored or left out
};

// Looks at all sources first and tells all problems at once; then writes shards, index files and, last, the manifest.
// Packing the same sources gives the same bytes. A folder that this call made is gone again when it fails.
// ConfigError (options, class list, output folder), DataError and UndeclaredValueError (sources), OutputError (disk),
// PackStopped (signal; the same call goes on).
PackSummary pack(const PackOptions& options);

}  // namespace muster::pack
