// Which pixel values a mask may hold, and what each is stored as (CONTRACTS 14).
//
//   {"classes": {"0": "building", "7": "road"}, "ignore_classes": [255], "colors": {"0": [255, 0, 0]}}      colors are optional
//   pixel 0 -> dense index 0, pixel 7 -> 1, pixel 255 -> void, any other value stops packing
//
//   {"classes": {"0": {"name": "building", "labels": [0, 3, 4]}, "7": "road"}}          several values, one class
//   {"classes": {"0": {"name": "building", "labels": [[128, 64, 0], [0, 0, 70]]}, ...}} masks in colour: RGB of every class
//   {"0": "building", "7": "road"}                                                      a file of names alone, as Hugging Face has it
//
// `reduce_labels: true` comes first: a pixel's value v becomes v - 1, and 0 becomes void; `labels`, the ids of `classes` and
// `ignore_classes` speak of the values after that. 255 stays void, as the void of 8-bit masks, unless a class declares 254.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "data/class_list.hpp"
#include "io/value.hpp"
#include "pack/pack_options.hpp"

namespace muster::pack {

// As data::kVoidLabel (whose header brings LibTorch's tensors along): a pixel without class, in memory.
inline constexpr std::uint16_t kVoid = 65535;

struct DeclaredClasses {
  data::ClassList classes;                         // all keys of `classes`, also those that ignore_classes names
  std::vector<std::vector<std::uint32_t>> labels;  // by dense index, ascending: pixel values, or colours as packed_rgb();
                                                   // empty where there are no masks
  std::vector<std::int32_t> void_values;           // ids of ignore_classes that are no class, ascending
  std::vector<std::int32_t> ignored_classes{};     // ids of ignore_classes that are classes, ascending: for runs that load the set
  bool rgb = false;                                // labels are colours
  bool reduce_labels = false;
  std::string where;  // file or recipe, for messages

  // Every class has the one label that is its id, or none, and nothing is reduced.
  bool plain() const;
};

constexpr std::uint32_t packed_rgb(std::uint32_t red, std::uint32_t green, std::uint32_t blue) {
  return red << 16 | green << 8 | blue;
}
// "7", or "(128, 64, 0)" for a colour.
std::string label_text(std::uint32_t label, bool rgb);

// Adds a sentence on the classes with these ids, which ignore_classes names: they are packed, and a run that loads the pack has to be told.
void tell_packed_though_ignored(const data::ClassList& classes, const std::vector<std::int32_t>& ignored,
                                std::vector<std::string>& notices);

// Whether a file, the recipe or the masks' notes name classes; classification sets may have none.
bool has_declared_classes(const PackOptions& options);

// From the file that `classes` names, or from the recipe's data.classes, or from what `muster autolabel` left with the masks. Keys that
// are not known are named in `notices`. ConfigError for what is malformed or contradicts itself, DataError when the file cannot be read.
DeclaredClasses declared_classes(const PackOptions& options, std::vector<std::string>& notices);

// What decides what a mask is stored as, by add_field(): ids and names, void values, and the mapping where it is not plain().
std::string definition_of(const DeclaredClasses& declared);

// Pixel value -> dense index.
class PixelTable {
 public:
  explicit PixelTable(const DeclaredClasses& declared);

  static constexpr std::int32_t kUndeclared = -1;
  // Dense index, kVoid, or kUndeclared. `value` is what the mask holds: up to 65535, or packed_rgb() where the labels are colours.
  std::int32_t operator[](std::uint32_t value) const {
    if (!table_.empty()) {
      return table_[value];
    }
    const auto found = colors_.find(value);
    return found == colors_.end() ? kUndeclared : found->second;
  }

 private:
  std::vector<std::int32_t> table_;                         // 65536 entries; none for colours
  std::unordered_map<std::uint32_t, std::int32_t> colors_;  // by packed_rgb()
};

}  // namespace muster::pack
