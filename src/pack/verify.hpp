// `muster verify`: is a packed data set what its manifest says?
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace muster::pack {

enum class VerifyLevel {
  kQuick,   // files, sizes, headers, columns, fingerprint; no payload
  kCrc,     // and every blob's CRC-32 and every file's XXH3-128
  kDecode,  // and strict decoding, sizes, mask values, class histogram
};
// "quick", "crc", "decode"; ConfigError otherwise.
VerifyLevel verify_level_from_name(std::string_view name);

struct VerifyProblem {
  std::string file;                     // beside the manifest
  std::optional<std::uint32_t> sample;  // index in that file
  std::string key;                      // of the sample, "" when it is the file's own problem
  std::string reason;

  // "train-00017.h5: sample 42 (a/b.jpg): ..."
  std::string text() const;
};

struct VerifyReport {
  std::size_t splits = 0;
  std::size_t shards = 0;
  std::size_t samples = 0;
  std::vector<VerifyProblem> problems;  // in order of split, file and sample
};

// Never throws for what is wrong with the data set: that is in the report. `threads` 0 = one per processor.
VerifyReport verify(const std::filesystem::path& folder, VerifyLevel level = VerifyLevel::kCrc, int threads = 0);

}  // namespace muster::pack
