#include "image/dicom_nesting.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>

#include "image/byte_order.hpp"

namespace muster::image {
namespace {

using namespace std::string_view_literals;

constexpr std::uint32_t kItem = 0xFFFEE000, kItemEnd = 0xFFFEE00D, kSequenceEnd = 0xFFFEE0DD, kPixels = 0x7FE00010;
constexpr std::uint32_t kTransferSyntax = 0x00020010;
constexpr std::uint32_t kUndefined = 0xFFFFFFFF;
constexpr int kDeepest = 1000;  // more is not counted

struct DicomWalk {
  std::span<const std::byte> bytes;
  std::size_t at;
  bool explicit_vr = true;
  bool big_endian = false;

  bool has(std::size_t count) const { return bytes.size() - at >= count; }
  std::uint32_t u16(std::size_t offset) const { return big_endian ? big16(bytes, at + offset) : little16(bytes, at + offset); }
  std::uint32_t u32(std::size_t offset) const { return big_endian ? big32(bytes, at + offset) : little32(bytes, at + offset); }
  std::string_view text(std::size_t offset, std::size_t count) const {
    return {reinterpret_cast<const char*>(bytes.data()) + at + offset, count};
  }
};

struct DicomElementHead {
  std::uint32_t tag = 0;
  std::size_t size = 0;  // of the head; 0 = there is none
  std::uint32_t length = 0;
};

DicomElementHead head_at(const DicomWalk& walk) {
  if (!walk.has(8)) {
    return {};
  }
  const std::uint32_t tag = walk.u16(0) << 16 | walk.u16(2);
  if (!walk.explicit_vr || tag >> 16 == 0xFFFE) {
    return {.tag = tag, .size = 8, .length = walk.u32(4)};
  }
  constexpr std::array kLong = {"OB"sv, "OD"sv, "OF"sv, "OL"sv, "OV"sv, "OW"sv, "SQ"sv, "SV"sv, "UC"sv, "UN"sv, "UR"sv, "UT"sv, "UV"sv};
  if (std::ranges::find(kLong, walk.text(4, 2)) == kLong.end()) {
    return {.tag = tag, .size = 8, .length = walk.u16(6)};
  }
  return walk.has(12) ? DicomElementHead{.tag = tag, .size = 12, .length = walk.u32(8)} : DicomElementHead{};
}

// Past the meta group, whose transfer syntax says how the rest is written. False for deflated data.
bool skip_meta(DicomWalk& walk) {
  std::string_view syntax;
  while (walk.has(8) && walk.u16(0) == 2) {
    const DicomElementHead head = head_at(walk);
    if (head.size == 0 || walk.bytes.size() - walk.at - head.size < head.length) {
      return false;
    }
    if (head.tag == kTransferSyntax) {
      syntax = walk.text(head.size, head.length);
      syntax = syntax.substr(0, std::min(syntax.find('\0'), syntax.size()));
    }
    walk.at += head.size + head.length;
  }
  walk.explicit_vr = syntax != "1.2.840.10008.1.2"sv;
  walk.big_endian = syntax == "1.2.840.10008.1.2.2"sv;
  return syntax != "1.2.840.10008.1.2.1.99"sv;
}

}  // namespace

int dicom_nesting(std::span<const std::byte> bytes) noexcept {
  DicomWalk walk = {.bytes = bytes, .at = 132};
  if (bytes.size() < walk.at || !skip_meta(walk)) {
    return 0;
  }
  // Where the open sequences and items end; what has no length ends with a mark.
  std::array<std::size_t, kDeepest> ends;
  constexpr std::size_t kAtMark = SIZE_MAX;
  int depth = 0;
  int deepest = 0;
  for (;;) {
    while (depth > 0 && ends[static_cast<std::size_t>(depth - 1)] <= walk.at) {
      --depth;
    }
    const DicomElementHead head = head_at(walk);
    if (head.size == 0 || (head.tag == kPixels && depth == 0)) {
      return deepest;
    }
    walk.at += head.size;
    if (head.tag == kItemEnd || head.tag == kSequenceEnd) {
      depth = std::max(depth - 1, 0);
      continue;
    }
    const std::size_t rest = bytes.size() - walk.at;
    const bool begins_with_item = rest >= 8 && (walk.u16(0) << 16 | walk.u16(2)) == kItem;
    if (head.tag == kItem || head.length == kUndefined || (begins_with_item && head.length >= 8)) {
      if (depth == kDeepest) {
        return kDeepest;
      }
      ends[static_cast<std::size_t>(depth++)] = head.length == kUndefined || head.length > rest ? kAtMark : walk.at + head.length;
      deepest = std::max(deepest, depth);
    } else if (head.length > rest) {
      return deepest;
    } else {
      walk.at += head.length;
    }
  }
}

}  // namespace muster::image
