// `muster verify`: is a packed data set what its manifest says?
//
// The work is cut into items (a split's index, a shard's file, 64 samples of a shard) that ranks and threads share; what they find is
// gathered in order of the items, so the report is the same for any number of either. HDF5 is not given a shard or an index whose
// XXH3-128 differs from the manifest's, except at level quick, which compares no hashes of shards (data/FORMAT.md, "Damage").
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dist/communicator.hpp"
#include "pack/pack_options.hpp"

namespace muster::pack {

enum class VerifyLevel {
  kQuick,   // files, sizes, headers, columns, index hash, fingerprint; no payload
  kCrc,     // and every blob's CRC-32 and every file's XXH3-128
  kDecode,  // and strict decoding, sizes, mask values, class histogram, segments, mean and standard deviation
};
// "quick", "crc", "decode"; ConfigError otherwise.
VerifyLevel verify_level_from_name(std::string_view name);

// Where the files lie that a data set was packed from. Both empty: they are not compared.
struct VerifySources {
  std::vector<std::filesystem::path> folders;  // images alone, each looked for under its key in all of them
  std::optional<PackOptions> recipe;           // images and targets of all splits, as `muster pack` would read them
  bool any() const noexcept { return recipe.has_value() || !folders.empty(); }
};

struct VerifyOptions {
  VerifyLevel level = VerifyLevel::kCrc;
  int threads = 0;  // of each rank; 0 = one per processor
  VerifySources sources;
};

struct VerifyProblem {
  std::string file;                     // beside the manifest
  std::optional<std::uint32_t> sample;  // index in that file
  std::string key;                      // of the sample, "" when it is the file's own problem
  std::string reason;

  // "train-00017.h5: sample 42 (a/b.jpg): ..."
  std::string text() const;
  bool operator==(const VerifyProblem&) const = default;
};

struct VerifyReport {
  std::string task;
  std::size_t splits = 0;
  std::size_t shards = 0;
  std::size_t samples = 0;
  std::vector<VerifyProblem> problems;  // in order of split, file and sample
  std::vector<std::string> notices;     // what was not looked at, and why
  bool operator==(const VerifyReport&) const = default;
};

// Collective; the same report on every rank. Never throws for what is wrong with the data set: that is in the report. ConfigError for
// options.sources.recipe that does not fit together or names no folder.
VerifyReport verify(const std::filesystem::path& folder, const VerifyOptions& options, dist::Communicator& world);
// On one rank.
VerifyReport verify(const std::filesystem::path& folder, VerifyLevel level = VerifyLevel::kCrc, int threads = 0);

// One tree for --json: data, level, task, splits, shards, samples, problems [{file, sample or null, key, reason}], notices.
std::string verify_json(const VerifyReport& report, const std::filesystem::path& folder, std::string_view level);

}  // namespace muster::pack
