// The checks of verify() on one split.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "data/manifest.hpp"
#include "pack/verify.hpp"

namespace muster::pack {

void verify_split(const std::filesystem::path& folder, const data::Manifest& manifest, const std::string& split, VerifyLevel level,
                  int threads, std::vector<VerifyProblem>& problems);

}  // namespace muster::pack
