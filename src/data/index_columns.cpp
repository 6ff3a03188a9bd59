#include "data/index_columns.hpp"

#include <span>
#include <type_traits>

#include "core/error.hpp"
#include "core/hash.hpp"

namespace muster::data {

bool has_column(TargetKind kind, std::string_view path) noexcept {
  if (path == "index/label") {
    return kind == TargetKind::kLabel;
  }
  if (path == "index/labels_ptr" || path == "index/labels") {
    return kind == TargetKind::kLabels;
  }
  return !path.starts_with("segments/") || kind == TargetKind::kSegmentMask;
}

IndexColumns start_columns(TargetKind kind) {
  IndexColumns columns;
  visit_columns(columns, [kind](std::string_view path, auto& column, ColumnLength length) {
    if (length == ColumnLength::kSamplesPlusOne && has_column(kind, path)) {
      column.emplace_back();
    }
  });
  return columns;
}

namespace {

bool same_columns(const IndexColumns& a, const IndexColumns& b) noexcept {
  return a.label.empty() == b.label.empty() && a.labels_ptr.empty() == b.labels_ptr.empty() &&
         a.segments_ptr.empty() == b.segments_ptr.empty();
}

template <class Column>
void append_column(Column& target, const Column& source, ColumnLength length) {
  if (length != ColumnLength::kSamplesPlusOne) {
    target.insert(target.end(), source.begin(), source.end());
    return;
  }
  if constexpr (std::is_same_v<Column, std::vector<std::uint64_t>>) {
    if (target.empty() && !source.empty()) {
      target.push_back(0);
    }
    for (std::size_t i = 1, base = target.empty() ? 0 : target.back(); i < source.size(); ++i) {
      target.push_back(base + source[i]);
    }
  }
}

}  // namespace

void append_columns(IndexColumns& columns, const IndexColumns& more) {
  if (columns.size() > 0 && more.size() > 0 && !same_columns(columns, more)) {
    throw DataError("{} and {} lie in shards with different columns, so they belong to no one split; pack again", columns.key.front(),
                    more.key.front());
  }
  // Both walks give the columns in the same order, so the sources can be looked up by path.
  visit_columns(more, [&columns](std::string_view path, const auto& source, ColumnLength length) {
    visit_columns(columns, [&](std::string_view other, auto& target, ColumnLength) {
      if constexpr (std::is_same_v<std::remove_cvref_t<decltype(source)>, std::remove_cvref_t<decltype(target)>>) {
        if (path == other) {
          append_column(target, source, length);
        }
      }
    });
  });
}

std::vector<Segment> segments_of(const IndexColumns& c, std::size_t i) {
  std::vector<Segment> segments;
  if (!c.segments_ptr.empty()) {
    for (std::uint64_t s = c.segments_ptr[i]; s < c.segments_ptr[i + 1]; ++s) {
      segments.push_back({.original_id = c.segment_original_id[s],
                          .class_index = c.segment_class[s],
                          .iscrowd = c.segment_iscrowd[s],
                          .area = c.segment_area[s],
                          .bbox = c.segment_bbox[s]});
    }
  }
  return segments;
}

std::vector<std::int32_t> labels_of(const IndexColumns& c, std::size_t i) {
  if (c.labels_ptr.empty()) {
    return {};
  }
  const auto at = [&](std::uint64_t position) { return c.labels.begin() + static_cast<std::ptrdiff_t>(position); };
  return {at(c.labels_ptr[i]), at(c.labels_ptr[i + 1])};
}

std::uint32_t labels_crc32(std::span<const std::int32_t> labels) {
  return crc32_of(std::as_bytes(labels));
}

std::uint32_t segments_crc32(std::span<const Segment> segments) {
  std::vector<std::uint32_t> words;
  for (const Segment& segment : segments) {
    words.insert(words.end(), {segment.original_id, static_cast<std::uint32_t>(segment.class_index), segment.iscrowd, segment.area});
    for (const std::int32_t side : segment.bbox) {
      words.push_back(static_cast<std::uint32_t>(side));
    }
  }
  return crc32_of(std::as_bytes(std::span(words)));
}

std::string fingerprint(const IndexColumns& columns) {
  Xxh3Stream hash;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    std::uint32_t numbers[4] = {columns.image_size[i], columns.image_crc32[i], columns.mask_crc32[i], 0};
    std::size_t count = 3;
    if (!columns.label.empty()) {
      numbers[2] = static_cast<std::uint32_t>(columns.label[i]);
    } else if (!columns.labels_ptr.empty()) {
      numbers[2] = labels_crc32(labels_of(columns, i));
    } else if (!columns.segments_ptr.empty()) {
      numbers[3] = segments_crc32(segments_of(columns, i));
      count = 4;
    }
    hash.update(columns.key[i].c_str(), columns.key[i].size() + 1);
    hash.update(numbers, count * sizeof numbers[0]);
  }
  return hash.hex();
}

}  // namespace muster::data
