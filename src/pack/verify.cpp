#include "pack/verify.hpp"

#include "core/error.hpp"
#include "data/manifest.hpp"
#include "pack/verify_split.hpp"

namespace muster::pack {

VerifyLevel verify_level_from_name(std::string_view name) {
  if (name == "quick") {
    return VerifyLevel::kQuick;
  }
  if (name == "crc") {
    return VerifyLevel::kCrc;
  }
  if (name == "decode") {
    return VerifyLevel::kDecode;
  }
  throw ConfigError("level={}: wanted quick, crc or decode", name);
}

std::string VerifyProblem::text() const {
  return sample ? fmt::format("{}: sample {} ({}): {}", file, *sample, key, reason) : fmt::format("{}: {}", file, reason);
}

VerifyReport verify(const std::filesystem::path& folder, VerifyLevel level, int threads) {
  VerifyReport report;
  data::Manifest manifest;
  try {
    manifest = data::read_manifest(folder);
  } catch (const Error& error) {
    report.problems.push_back({.file = data::kManifestFile, .sample = {}, .key = {}, .reason = error.what()});
    return report;
  }
  for (const auto& [name, split] : manifest.splits) {
    ++report.splits;
    report.shards += split.shards.size();
    report.samples += split.num_samples;
    verify_split(folder, manifest, name, level, threads, report.problems);
  }
  return report;
}

}  // namespace muster::pack
