#include "pack/panoptic_remarks.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace muster::pack {
namespace {

// How often something was seen, and the first time.
struct Seen {
  std::size_t count = 0;
  std::string first{};

  void add(const std::function<std::string()>& example) {
    if (count++ == 0) {
      first = example();
    }
  }
  void tell(std::vector<std::string>& sentences, const char* what, const std::string& where) const {
    if (count > 0) {
      sentences.push_back(fmt::format("{}: {} {} (the first: {})", where, count, what, first));
    }
  }
};

using ImageById = std::unordered_map<std::string_view, const CocoImage*>;

ImageById images_by_id(const CocoPanoptic& coco) {
  ImageById images;
  for (const CocoImage& image : coco.images) {
    images.emplace(image.id, &image);
  }
  return images;
}

}  // namespace

std::vector<std::string> panoptic_remarks(const data::IndexColumns& packed, const CocoPanoptic& stated,
                                          const std::unordered_map<std::string, std::uint32_t>& rows, const std::string& where) {
  Seen gone, areas, boxes, sizes;
  const ImageById images = images_by_id(stated);
  for (std::size_t i = 0; i < packed.size(); ++i) {
    const std::string& key = packed.key[i];
    const auto row = rows.find(key);
    if (row == rows.end()) {
      continue;  // of an earlier packing that this one adds to
    }
    const CocoAnnotation& annotation = stated.annotations[row->second];
    const std::pair stored(packed.height[i], packed.width[i]);
    const std::pair source(packed.source_height[i], packed.source_width[i]);
    const std::pair turned(source.second, source.first);
    if (const auto image = images.find(annotation.image_id); image != images.end() && image->second->height > 0) {
      const std::pair told(static_cast<std::uint32_t>(image->second->height), static_cast<std::uint32_t>(image->second->width));
      if (told != source && told != stored) {
        sizes.add(
            [&] { return fmt::format("{} has {} x {} pixels, not {} x {}", key, source.second, source.first, told.second, told.first); });
      }
    }
    if (stored != source && stored != turned) {
      continue;
    }
    std::map<std::uint32_t, data::Segment> found;
    for (const data::Segment& segment : data::segments_of(packed, i)) {
      found.emplace(segment.original_id, segment);
    }
    for (const CocoSegment& told : stated.segments_of(annotation)) {
      const auto segment = found.find(told.id);
      if (segment == found.end()) {
        gone.add([&] { return fmt::format("{}, segment {}", key, told.id); });
        continue;
      }
      const auto& [id, seen] = *segment;
      if (told.area != 0 && told.area != seen.area) {
        areas.add([&, area = seen.area] { return fmt::format("{}, segment {}: {} pixels, not {}", key, told.id, area, told.area); });
      }
      if (told.bbox != std::array<std::int32_t, 4>{} && told.bbox != seen.bbox) {
        boxes.add([&, box = seen.bbox] {
          return fmt::format("{}, segment {}: {}, not {}", key, told.id, fmt::join(box, " "), fmt::join(told.bbox, " "));
        });
      }
    }
  }
  std::vector<std::string> sentences;
  gone.tell(sentences, "segments have no pixel and were left out", where);
  areas.tell(sentences, "segments have another area than the file says; the pixels count", where);
  boxes.tell(sentences, "segments have another box x y width height than the file says; the pixels count", where);
  sizes.tell(sentences, "images have another size than the file says", where);
  return sentences;
}

}  // namespace muster::pack
