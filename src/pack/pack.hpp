// `muster pack`: folders of images and their targets to a packed data set.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "dist/communicator.hpp"
#include "pack/pack_options.hpp"
#include "pack/pack_progress.hpp"
#include "pack/preflight_report.hpp"
#include "pack/ranks.hpp"

namespace muster::pack {

struct PackedSplit {
  std::string name;
  std::size_t samples = 0;
  std::size_t shards = 0;
  std::size_t taken_over = 0;  // shards that an interrupted packing had finished
  std::size_t added = 0;       // samples that append=true added
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
  Amount packed{};                   // the files that this call packed, on all ranks; shards taken over are no part of it
  double packing_s = 0;              // what that took
};

// Is shown what the pre-flight saw, before anything is written or refused.
using ShowReport = std::function<void(const PreflightReport&)>;

// Looks at all sources and writes nothing. Collective; the same report on all ranks. ConfigError (options, class list), DataError (sources
// that cannot be searched at all), PackStopped.
PreflightReport preflight(const PackOptions& options, dist::Communicator& world);

// Looks at all sources first and tells all problems at once; then writes shards, index files and, last, the manifest.
// Packing the same sources gives the same bytes, with any number of ranks and threads. A folder that this call made is gone again when
// it fails for what the sources hold; what is finished stays when the reason may pass, and the same call goes on behind it.
// Collective: all ranks give the same options and see the same folders. The same error on all of them:
// ConfigError (options, class list, output folder), DataError and UndeclaredValueError (sources), OutputError (disk),
// PackStopped (signal; the same call goes on), CommError.
PackSummary pack(const PackOptions& options, dist::Communicator& world, const ShowReport& show = {});
// On one rank.
PackSummary pack(const PackOptions& options);

}  // namespace muster::pack
