#include "pack/segment_mask.hpp"

#include <map>
#include <unordered_map>

#include "core/error.hpp"
#include "data/segment_measure.hpp"
#include "image/decode.hpp"
#include "pack/split_source.hpp"

namespace muster::pack {
namespace {

constexpr std::uint32_t kUnknown = 0xffffffff;

[[noreturn]] void refuse_ids(const std::map<std::uint32_t, std::uint64_t>& pixels, const std::string& where,
                             const std::string& annotations) {
  constexpr std::size_t kShown = 5;
  std::vector<UndeclaredValue> values;
  std::string text;
  for (const auto& [id, count] : pixels) {
    if (values.size() < kShown) {
      text += fmt::format("{}{} in {} pixels", text.empty() ? "" : ", ", id, count);
    }
    values.push_back({.value = std::to_string(id), .pixels = count});
  }
  const std::string more = values.size() > kShown ? fmt::format(" and {} more", values.size() - kShown) : "";
  throw UndeclaredValueError(
      fmt::format("{}: segment id {}{}, which {} does not name for this image; add them to its segments_info, or make these pixels black",
                  where, text, more, annotations),
      std::move(values));
}

// Colours to 1 + row of `stated`, 0 for black.
image::LabelMap rows_of_pixels(const image::Image& image, std::span<const data::Segment> stated, const std::string& where,
                               const std::string& annotations) {
  std::unordered_map<std::uint32_t, std::uint32_t> row_of{{0, 0}};
  for (std::size_t row = 0; row < stated.size(); ++row) {
    row_of.emplace(stated[row].original_id, static_cast<std::uint32_t>(row + 1));
  }
  std::map<std::uint32_t, std::uint64_t> unknown;
  image::LabelMap map(image.height, image.width);
  std::uint32_t last_id = 0;  // neighbours mostly are of one segment
  std::uint32_t last_row = 0;
  for (std::size_t i = 0; i < map.values.size(); ++i) {
    const std::uint8_t* pixel = image.pixels.data() + 3 * i;
    const std::uint32_t id = pixel[0] + 256U * pixel[1] + 65536U * pixel[2];
    if (id != last_id) {
      const auto found = row_of.find(id);
      last_id = id;
      last_row = found == row_of.end() ? kUnknown : found->second;
    }
    if (last_row == kUnknown) {
      ++unknown[id];
    } else {
      map.values[i] = static_cast<std::uint16_t>(last_row);
    }
  }
  if (!unknown.empty()) {
    refuse_ids(unknown, where, annotations);
  }
  return map;
}

}  // namespace

SegmentMask decode_segment_png(std::span<const std::byte> png, std::vector<data::Segment> stated, const std::string& where,
                               const std::string& annotations) {
  check(stated.size() <= data::kMostSegments, "decode_segment_png: {} segments", stated.size());
  const image::ImageInfo info = image::probe(png, where);
  if (info.codec != image::Codec::kPng || !(info.palette || (info.bit_depth == 8 && info.channels >= 3))) {
    throw DataError("{}: {} channels of {} bits; wanted is a PNG of 8-bit RGB, whose colour is the segment id R + 256 G + 65536 B", where,
                    info.channels, info.bit_depth);
  }
  SegmentMask mask{.map = rows_of_pixels(image::decode_rgb(png, where), stated, where, annotations), .segments = std::move(stated)};
  data::keep_segments_with_pixels(mask.map, mask.segments);
  return mask;
}

}  // namespace muster::pack
