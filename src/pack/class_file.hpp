// Which pixel values a mask may hold, and what each is stored as (CONTRACTS 14).
//
//   {"classes": {"0": "building", "7": "road"}, "ignore_classes": [255], "colors": {"0": [255, 0, 0]}}      colors are optional
//   pixel 0 -> dense index 0, pixel 7 -> 1, pixel 255 -> void, any other value stops packing
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "data/class_list.hpp"
#include "pack/pack_options.hpp"

namespace muster::pack {

// As data::kVoidLabel (whose header brings LibTorch's tensors along): a pixel without class, in memory.
inline constexpr std::uint16_t kVoid = 65535;

struct DeclaredClasses {
  data::ClassList classes;                // all keys of `classes`, also those that ignore_classes names
  std::vector<std::int32_t> void_values;  // ids of ignore_classes that are no class, ascending
  std::string where;                      // file or recipe, for messages
};

// From the file that `classes` names, or from the recipe's data.classes, or from what `muster autolabel` left with the masks. Keys that are not known are named in `notices`.
// ConfigError for what is malformed, DataError when the file cannot be read.
DeclaredClasses declared_classes(const PackOptions& options, std::vector<std::string>& notices);

// Pixel value -> dense index.
class PixelTable {
 public:
  explicit PixelTable(const DeclaredClasses& declared);

  static constexpr std::int32_t kUndeclared = -1;
  // Dense index, kVoid, or kUndeclared.
  std::int32_t operator[](std::uint16_t value) const noexcept { return table_[value]; }

 private:
  std::vector<std::int32_t> table_;  // 65536 entries
};

}  // namespace muster::pack
