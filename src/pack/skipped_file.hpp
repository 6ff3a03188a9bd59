// skipped.csv: the source files that on_error=skip left out, as `split,path,reason`.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "pack/preflight.hpp"

namespace muster::pack {

// Puts these splits' lines in place of what the file said of them before; no lines at all, no file. OutputError.
void update_skipped_file(const std::filesystem::path& folder, const std::map<std::string, std::vector<SkippedFile>>& by_split);

// What an append leaves out: the skipped of `sources`, which are its new samples, and what the file said of others before.
std::vector<SkippedFile> left_out_after_append(const std::filesystem::path& folder, const SplitPreflight& sources);

// What the file says of a split; nothing without a file. A line that is none of ours is passed over.
std::vector<SkippedFile> read_skipped_file(const std::filesystem::path& folder, const std::string& split);

}  // namespace muster::pack
