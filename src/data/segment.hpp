// One segment of a panoptic sample: an object (thing), or all that is of one class (stuff).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace muster::data {

// Segment k of a sample (k = 0, 1, …) is the set of pixels whose stored value is k + 1; 0 is void.
struct Segment {
  std::uint32_t original_id = 0;       // in the source; COCO: R + 256 G + 65536 B of its pixels
  std::int32_t class_index = 0;        // dense
  std::uint8_t iscrowd = 0;            // 1 = several objects that are not told apart
  std::uint32_t area = 0;              // pixels, > 0
  std::array<std::int32_t, 4> bbox{};  // x, y, width, height of the smallest box around its pixels
  bool operator==(const Segment&) const = default;
};

// Most segments of a sample that are stored in u8; more take u16.
inline constexpr std::size_t kMostSegments8 = 255;
inline constexpr std::size_t kMostSegments = 65535;

}  // namespace muster::data
