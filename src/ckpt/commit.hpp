// COMMIT: the last file of a checkpoint. A folder is a checkpoint if and only if its COMMIT verifies.
#pragma once

#include <filesystem>
#include <string>

#include "ckpt/manifest.hpp"

namespace muster::ckpt {

inline constexpr const char* kManifestName = "manifest.json";
inline constexpr const char* kCommitName = "COMMIT";

// The text of COMMIT for a manifest: one JSON line with its XXH3-128, run id and step.
std::string commit_text(const std::string& manifest_json, const std::string& run_id, std::int64_t step);

// The manifest of a committed folder. Throws CheckpointError naming the file and the fault when COMMIT or the manifest is
// missing, changed, or of another version; state files are not looked at.
Manifest read_committed(const std::filesystem::path& folder);

// Compares every `parts`-th state file, from number `part` on, with the manifest: size, then XXH3-128 of all bytes. Throws
// CheckpointError naming the file.
void verify_files(const std::filesystem::path& folder, const Manifest& manifest, int part = 0, int parts = 1);

}  // namespace muster::ckpt
