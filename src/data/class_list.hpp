// Class ids end to end (CONTRACTS 14): pixel value -> class id -> dense index (stored) -> train index (what a model predicts).
//
// Stored masks hold the dense index over all declared classes in ascending order of id. Which classes are ignored is chosen
// when a run loads the pack, so it is no part of the pack.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace muster::data {

struct ClassList {
  std::vector<std::int32_t> ids;                    // ascending, each in 0..65534; the position is the dense index
  std::vector<std::string> names;                   // UTF-8, one per id
  std::vector<std::array<std::uint8_t, 3>> colors;  // RGB, one per id
  std::vector<std::uint8_t> isthing;                // 1 = countable objects; one per id

  std::size_t size() const noexcept { return ids.size(); }
  int stored_dtype() const noexcept { return size() <= 255 ? 1 : 2; }  // /index/mask_dtype: 1 = u8, 2 = u16
  int stored_void() const noexcept { return size() <= 255 ? 255 : 65535; }
  std::optional<std::uint16_t> dense_index(std::int32_t id) const;
  // CRC-32 of "id name \n" for each class, 8 hex digits.
  std::string names_crc32() const;
  bool operator==(const ClassList&) const = default;
};

// Sorts by id, gives every class a colour of its own, marks none as thing. ConfigError for an id outside 0..65534 or written twice.
ClassList make_class_list(std::vector<std::pair<std::int32_t, std::string>> classes);

// The classes that a run learns: those of the list without the ignored ones, in order of id.
class TrainClasses {
 public:
  // Ids that are no class are allowed in `ignored` (they were packed as void). ConfigError when nothing is left.
  explicit TrainClasses(const ClassList& classes, std::span<const std::int32_t> ignored = {});

  int count() const noexcept { return static_cast<int>(ids_.size()); }
  const std::vector<std::int32_t>& ids() const noexcept { return ids_; }     // train index -> class id
  const std::vector<std::string>& names() const noexcept { return names_; }  // train index -> name
  const std::vector<std::array<std::uint8_t, 3>>& colors() const noexcept { return colors_; }
  // -1 for void, ignored and unknown indices
  std::int32_t train_index(std::uint16_t dense) const noexcept { return table_[dense]; }
  // By dense index: is this class learned? As TrainTransform takes it.
  std::vector<bool> learned() const;
  // Pixel by pixel; both of equal length.
  void map(std::span<const std::uint16_t> dense, std::span<std::int32_t> train) const;

 private:
  std::size_t dense_count_;
  std::vector<std::int32_t> ids_;
  std::vector<std::string> names_;
  std::vector<std::array<std::uint8_t, 3>> colors_;
  std::vector<std::int32_t> table_;  // 65536 entries
};

}  // namespace muster::data
