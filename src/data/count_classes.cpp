// The statistics of a manifest that follow from the index alone.
#include "data/manifest.hpp"

#include "core/error.hpp"

namespace muster::data {

namespace {

bool has_masks(TargetKind kind) noexcept {
  return kind == TargetKind::kClassMask || kind == TargetKind::kSegmentMask;
}

}  // namespace

void count_classes(const IndexColumns& columns, TargetKind kind, std::size_t num_classes, SplitStatistics& statistics) {
  statistics.class_pixels.assign(has_masks(kind) ? num_classes : 0, 0);
  statistics.class_images.assign(num_classes, 0);
  statistics.class_segments.assign(kind == TargetKind::kSegmentMask ? num_classes : 0, 0);
  const auto count = [num_classes](std::vector<std::uint64_t>& counts, std::int64_t index, std::uint64_t more) {
    check(index >= 0 && static_cast<std::size_t>(index) < num_classes, "count_classes: class {} of {}", index, num_classes);
    counts[static_cast<std::size_t>(index)] += more;
  };
  if (has_masks(kind)) {
    for (std::size_t e = 0; e < columns.class_id.size(); ++e) {
      count(statistics.class_pixels, columns.class_id[e], columns.class_pixels[e]);
      count(statistics.class_images, columns.class_id[e], 1);
    }
  }
  for (const std::int32_t index : columns.segment_class) {
    count(statistics.class_segments, index, 1);
  }
  for (const std::int32_t label : columns.label) {
    if (label != -1) {
      count(statistics.class_images, label, 1);
    }
  }
  for (const std::int32_t label : columns.labels) {
    count(statistics.class_images, label, 1);
  }
}

}  // namespace muster::data
