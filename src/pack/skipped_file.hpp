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

}  // namespace muster::pack
