// Images that are the same file under two names.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "pack/inspect_sample.hpp"
#include "pack/ranks.hpp"

namespace muster::pack {

// Groups of keys whose images have the same bytes, ascending. Only files of equal size are compared, by their XXH3-64; `hashes` has those
// that are known (0 = not), by sample, and the ranks read the others. Collective. DataError for a file that cannot be read.
std::vector<std::vector<std::string>> find_duplicates(const std::vector<PlannedSample>& samples, std::vector<std::uint64_t> hashes,
                                                      const PackOptions& options, Ranks& ranks);

}  // namespace muster::pack
