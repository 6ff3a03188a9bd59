#include "app/dataset_sheet.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/error.hpp"
#include "data/sample_order.hpp"
#include "image/overlay.hpp"
#include "image/resize.hpp"

namespace muster::app {
namespace {

using data::TargetKind;

constexpr image::Colour kBorder = {255, 255, 255};

// Borders are drawn at the size at which they are seen, so that shrinking does not take them away.
struct Shown {
  image::Image image;
  image::LabelMap labels;
};
Shown scaled(const data::Sample& sample, int cell) {
  const auto [height, width] = report::fitted_size(sample.image.height, sample.image.width, cell);
  return {.image = image::resize_bilinear(sample.image, height, width), .labels = image::resize_nearest(sample.target, height, width)};
}

// White where the pixel to the right or below belongs to another segment.
void draw_borders(image::Image& picture, const image::LabelMap& labels) {
  for (int y = 0; y < labels.height; ++y) {
    for (int x = 0; x < labels.width; ++x) {
      const std::uint16_t here = labels.row(y)[x];
      if ((x + 1 < labels.width && labels.row(y)[x + 1] != here) || (y + 1 < labels.height && labels.row(y + 1)[x] != here)) {
        std::ranges::copy(kBorder, picture.row(y) + 3 * x);
      }
    }
  }
}

// Stored segments count from 1, 0 is void; a palette counts from 0.
image::Image segments_over(const Shown& shown, std::size_t segments) {
  image::LabelMap shifted = shown.labels;
  std::ranges::transform(shifted.values, shifted.values.begin(), [](std::uint16_t value) { return static_cast<std::uint16_t>(value - 1); });
  image::Image picture = image::overlay(shown.image, shifted, image::class_palette(static_cast<int>(segments)), 0.5);
  draw_borders(picture, shown.labels);
  return picture;
}

// "3 person, car, sky": things with their number, crowds and stuff by name.
std::string segments_caption(const std::vector<data::Segment>& segments, const data::ClassList& classes) {
  std::map<std::int32_t, int> counts;
  for (const data::Segment& segment : segments) {
    ++counts[segment.class_index];
  }
  std::vector<std::string> parts;
  for (const auto& [index, count] : counts) {
    const std::string& name = classes.names.at(static_cast<std::size_t>(index));
    parts.push_back(count == 1 ? name : fmt::format("{} {}", count, name));
  }
  return parts.empty() ? "no segment" : fmt::format("{}", fmt::join(parts, ", "));
}

std::string labels_caption(const std::vector<std::int32_t>& labels, const data::ClassList& classes) {
  std::vector<std::string> names;
  for (const std::int32_t label : labels) {
    names.push_back(classes.names.at(static_cast<std::size_t>(label)));
  }
  return names.empty() ? "(no label)" : fmt::format("{}", fmt::join(names, ", "));
}

}  // namespace

std::vector<std::uint32_t> sheet_ids(std::uint32_t size, const SheetRequest& request) {
  const std::uint32_t shown = std::min(request.samples, size);
  std::vector<std::uint32_t> ids;
  for (std::uint32_t i = 0; i < shown; ++i) {
    ids.push_back(request.seed ? static_cast<std::uint32_t>(data::SampleOrder(size, *request.seed, 0)(i))
                               : static_cast<std::uint32_t>(std::uint64_t{i} * size / shown));
  }
  std::ranges::sort(ids);
  return ids;
}

report::ContactSheet dataset_sheet(const data::ShardReader& reader, const data::ClassList& classes, const SheetRequest& request) {
  if (reader.size() == 0) {
    throw DataError("contact_sheet: split {} has no samples to show; name another with split=", reader.split());
  }
  const TargetKind target = reader.target();
  const bool has_masks = target == TargetKind::kClassMask || target == TargetKind::kSegmentMask;
  report::ContactSheet sheet{.titles = {has_masks ? "image" : ""}, .samples = {}, .legend = {}};
  sheet.cell = has_masks ? 224 : 168;
  sheet.samples_across = has_masks ? 4 : 8;
  if (has_masks) {
    sheet.titles.emplace_back(target == TargetKind::kClassMask ? "mask" : "segments");
  }
  std::set<std::uint16_t> seen;
  for (const std::uint32_t id : sheet_ids(reader.size(), request)) {
    data::Sample sample = data::decode(reader.read(id), reader.place(id));
    report::ContactSheetSample entry{.name = reader.key(id), .pictures = {}, .caption = {}};
    if (target == TargetKind::kClassMask) {
      seen.insert(sample.target.values.begin(), sample.target.values.end());
      entry.pictures.push_back(image::overlay(sample.image, sample.target, classes.colors));
    } else if (target == TargetKind::kSegmentMask) {
      entry.pictures.push_back(segments_over(scaled(sample, sheet.cell), sample.segments.size()));
      entry.caption = segments_caption(sample.segments, classes);
    } else if (target != TargetKind::kNone) {
      entry.caption = labels_caption(reader.labels(id), classes);
    }
    entry.pictures.insert(entry.pictures.begin(), std::move(sample.image));
    sheet.samples.push_back(std::move(entry));
  }
  for (const std::uint16_t dense : seen) {
    if (dense < classes.size()) {
      sheet.legend.push_back({.name = classes.names[dense], .colour = classes.colors[dense]});
    }
  }
  return sheet;
}

}  // namespace muster::app
