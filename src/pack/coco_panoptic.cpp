#include "pack/coco_panoptic.hpp"

#include <cmath>
#include <limits>

#include "core/error.hpp"
#include "io/json_records.hpp"

namespace muster::pack {
namespace {

using io::JsonRecord;

constexpr std::int64_t kLargestId32 = std::numeric_limits<std::int32_t>::max();
constexpr std::int64_t kLargestSegmentId = 0xffffff;  // three channels of 8 bits

std::int64_t rounded_between(double value, std::int64_t least, std::int64_t most) noexcept {
  return value <= static_cast<double>(least) ? least : value >= static_cast<double>(most) ? most : std::llround(value);
}

CocoCategory category_of(const JsonRecord& record) {
  CocoCategory category{
      .id = static_cast<std::int32_t>(record.whole("id", 0, kLargestId32)), .name = record.text("name"), .isthing = record.flag("isthing")};
  if (record.has("color")) {
    const std::span<const double> color = record.numbers("color", 3);
    category.color.emplace();
    for (std::size_t c = 0; c < color.size(); ++c) {
      (*category.color)[c] = static_cast<std::uint8_t>(rounded_between(color[c], 0, 255));
    }
  }
  return category;
}

std::int32_t side_of(const JsonRecord& record, std::string_view key) {
  return record.has(key) ? static_cast<std::int32_t>(record.whole(key, 0, kLargestId32)) : 0;
}

CocoSegment segment_of(const JsonRecord& record) {
  CocoSegment segment{.id = static_cast<std::uint32_t>(record.whole("id", 1, kLargestSegmentId)),
                      .category_id = static_cast<std::int32_t>(record.whole("category_id", 0, kLargestId32)),
                      .iscrowd = static_cast<std::uint8_t>(record.has("iscrowd") && record.flag("iscrowd") ? 1 : 0)};
  if (record.has("area")) {
    segment.area = static_cast<std::uint32_t>(rounded_between(record.number("area"), 0, std::numeric_limits<std::uint32_t>::max()));
  }
  if (record.has("bbox")) {
    const std::span<const double> sides = record.numbers("bbox", segment.bbox.size());
    for (std::size_t side = 0; side < sides.size(); ++side) {
      segment.bbox[side] = static_cast<std::int32_t>(rounded_between(sides[side], -kLargestId32, kLargestId32));
    }
  }
  return segment;
}

}  // namespace

CocoPanoptic read_coco_panoptic(const std::filesystem::path& path) {
  constexpr std::string_view kLists[] = {"images", "categories", "annotations", "annotations.segments_info"};
  CocoPanoptic coco;
  std::uint64_t first_segment = 0;  // of the annotation being read, which comes behind its segments
  const std::set<std::string> found = io::read_json_records(path, kLists, [&](std::string_view list, const JsonRecord& record) {
    if (list == "annotations.segments_info") {
      coco.segments.push_back(segment_of(record));
    } else if (list == "annotations") {
      if (!record.has("segments_info")) {
        throw DataError("no segments_info; a file of boxes or outlines is no panoptic one");
      }
      coco.annotations.push_back({.image_id = record.text_or_digits("image_id"),
                                  .file_name = record.has("file_name") ? record.text("file_name") : "",
                                  .first_segment = first_segment,
                                  .num_segments = coco.segments.size() - first_segment});
      first_segment = coco.segments.size();
    } else if (list == "images") {
      coco.images.push_back({.id = record.text_or_digits("id"),
                             .file_name = record.text("file_name"),
                             .height = side_of(record, "height"),
                             .width = side_of(record, "width")});
    } else {
      coco.categories.push_back(category_of(record));
    }
  });
  for (const char* list : {"categories", "annotations"}) {
    if (!found.contains(list)) {
      throw DataError("{}: no list of {}; wanted is a COCO panoptic file with images, annotations and categories", path.string(), list);
    }
  }
  return coco;
}

}  // namespace muster::pack
