// Adding new images to a split that is packed: which samples are new, and whether the others are still what was packed.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "data/manifest.hpp"
#include "pack/preflight.hpp"

namespace muster::pack {

// The sources of today beside a packed split.
struct SourceChanges {
  std::vector<std::uint8_t> is_new;  // by sample of the pre-flight
  std::size_t added = 0;
  std::size_t removed = 0;  // packed, and no longer among the sources
  std::size_t changed = 0;  // packed as they were, and of another size now
  std::string first_removed, first_changed;
  bool other_changes = false;  // removed and changed are 0, and yet sizes of masks, labels or re-encoded images differ from what was packed

  bool only_adds() const noexcept { return removed == 0 && changed == 0 && !other_changes; }
  // "12 new images, 3 of the 120 packed ones gone (a/b.jpg), ..."
  std::string text() const;
};

// Reads the split's joined index. DataError when it cannot be read.
SourceChanges source_changes(const SplitPreflight& sources, const data::ManifestSplit& split, const std::filesystem::path& folder);

// Samples that skipped.csv names for this split are new only when they can be packed now. Encodes each of them; UndeclaredValueError.
void leave_out_damaged(SourceChanges& changes, const SplitPreflight& sources, const PackOptions& options);

// XXH3-128 over names and fingerprints of all splits: what a manifest of the next generation names as its parent.
std::string dataset_fingerprint(const data::Manifest& manifest);

// Leaves the new samples alone in `sources`.
void keep_new(SplitPreflight& sources, const std::vector<std::uint8_t>& is_new);

}  // namespace muster::pack
