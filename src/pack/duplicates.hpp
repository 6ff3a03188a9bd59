// Images that are the same file under two names, or in two splits.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "pack/inspect_sample.hpp"
#include "pack/preflight.hpp"
#include "pack/ranks.hpp"

namespace muster::pack {

// Groups of keys whose images have the same bytes, ascending. Only files of equal size are compared, by their XXH3-64; `hashes` has those
// that are known (0 = not), by sample, and gets those that the ranks read. Collective. DataError for a file that cannot be read.
std::vector<std::vector<std::string>> find_duplicates(const std::vector<PlannedSample>& samples, std::vector<std::uint64_t>& hashes,
                                                      const PackOptions& options, Ranks& ranks);

// Images of a split that an earlier split has too.
struct SharedImages {
  std::string split, also_in;
  std::size_t images = 0;
  std::vector<std::pair<std::string, std::string>> first;  // keys in `split` and in `also_in`, at most kMostNamed

  // "3 images of val are also in train, such as a/b.jpg"
  std::string text() const;
};

// Every pair of splits that have images in common, compared as find_duplicates() does; fills in content_hashes. Collective; the same on all
// ranks. DataError for a file that cannot be read.
std::vector<SharedImages> find_shared(std::vector<SplitPreflight>& splits, const PackOptions& options, Ranks& ranks);

}  // namespace muster::pack
