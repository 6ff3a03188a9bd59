// check_columns(): what must hold in an index before any of its rows is used.
#include "data/index_columns.hpp"

#include "core/error.hpp"
#include "data/shard_format.hpp"

namespace muster::data {

namespace {

class IndexChecker {
 public:
  IndexChecker(const IndexColumns& columns, TargetKind kind, std::size_t num_classes, const std::string& where)
      : c_(columns), kind_(kind), num_classes_(num_classes), where_(where) {}

  void run(std::uint64_t payload_bytes) {
    check_lengths();
    for (std::size_t i = 0; i < c_.size(); ++i) {
      if (c_.orientation[i] < 1 || c_.orientation[i] > 8) {
        refuse(i, "orientation {}, wanted 1 to 8", c_.orientation[i]);
      }
      if (payload_bytes > 0) {
        check_blob(i, "image", c_.image_offset[i], c_.image_size[i], payload_bytes);
        if (c_.mask_size[i] > 0) {
          check_blob(i, "mask", c_.mask_offset[i], c_.mask_size[i], payload_bytes);
        }
      }
      check_histogram(i);
      check_labels(i);
      check_segments(i);
    }
  }

 private:
  template <class... Args>
  [[noreturn]] void refuse(std::size_t i, fmt::format_string<Args...> text, Args&&... args) const {
    throw DataError("{}: sample {} ({}): {}; repack this shard", where_, i, c_.key[i], fmt::format(text, std::forward<Args>(args)...));
  }

  std::size_t wanted_length(ColumnLength length) const noexcept {
    switch (length) {
      case ColumnLength::kSamples:
        return c_.size();
      case ColumnLength::kSamplesPlusOne:
        return c_.size() + 1;
      case ColumnLength::kEntries:
        return c_.class_id.size();
      case ColumnLength::kLabels:
        return c_.labels.size();
      case ColumnLength::kSegments:
        return c_.segment_original_id.size();
    }
    return 0;
  }

  void check_lengths() const {
    visit_columns(c_, [this](std::string_view path, const auto& column, ColumnLength length) {
      const std::size_t wanted = has_column(kind_, path) ? wanted_length(length) : 0;
      if (column.size() != wanted) {
        throw DataError("{}: /{} has {} entries, wanted {} for {} samples; repack", where_, path, column.size(), wanted, c_.size());
      }
    });
    check_pointers("index/class_ptr", c_.class_ptr, c_.class_id.size());
    check_pointers("index/labels_ptr", c_.labels_ptr, c_.labels.size());
    check_pointers("segments/ptr", c_.segments_ptr, c_.segment_original_id.size());
  }

  void check_pointers(const char* path, const std::vector<std::uint64_t>& pointers, std::size_t entries) const {
    if (pointers.empty()) {
      return;
    }
    if (pointers.front() != 0 || pointers.back() != entries) {
      throw DataError("{}: /{} runs from {} to {}, wanted 0 to {}; repack", where_, path, pointers.front(), pointers.back(), entries);
    }
    for (std::size_t i = 0; i + 1 < pointers.size(); ++i) {
      if (pointers[i] > pointers[i + 1]) {
        refuse(i, "/{} falls there", path);
      }
    }
  }

  // Blobs lie one behind the other, in the order of the samples.
  void check_blob(std::size_t i, const char* kind, std::uint64_t offset, std::uint64_t size, std::uint64_t payload_bytes) {
    if (offset < free_from_ || offset > payload_bytes || size > payload_bytes - offset) {
      refuse(i, "its {} is at bytes {} to {}, wanted inside {} to {} of the payload", kind, offset, offset + size, free_from_,
             payload_bytes);
    }
    free_from_ = offset + size;
  }

  void check_histogram(std::size_t i) const {
    std::int64_t before = -1;
    for (std::uint64_t e = c_.class_ptr[i]; e < c_.class_ptr[i + 1]; ++e) {
      if (c_.class_id[e] <= before || c_.class_id[e] >= num_classes_) {
        refuse(i, "class {} after {} in its histogram, wanted ascending and below {}", c_.class_id[e], before, num_classes_);
      }
      before = c_.class_id[e];
    }
  }

  void check_labels(std::size_t i) const {
    if (kind_ == TargetKind::kLabel && c_.label[i] != -1 && !is_class(c_.label[i])) {
      refuse(i, "label {}, wanted -1 (none) to {}", c_.label[i], static_cast<std::int64_t>(num_classes_) - 1);
    }
    if (kind_ == TargetKind::kLabels) {
      std::int32_t before = -1;
      for (std::uint64_t l = c_.labels_ptr[i]; l < c_.labels_ptr[i + 1]; ++l) {
        if (c_.labels[l] <= before || !is_class(c_.labels[l])) {
          refuse(i, "label {} after {}, wanted ascending and below {}", c_.labels[l], before, num_classes_);
        }
        before = c_.labels[l];
      }
    }
  }

  void check_segments(std::size_t i) const {
    if (kind_ != TargetKind::kSegmentMask) {
      return;
    }
    const std::uint64_t begin = c_.segments_ptr[i];
    const std::uint64_t count = c_.segments_ptr[i + 1] - begin;
    if (count > (c_.mask_size[i] == 0 ? 0 : c_.mask_dtype[i] == 1 ? kMostSegments8 : kMostSegments)) {
      refuse(i, "{} segments, more than its mask of {} bytes and dtype {} can tell apart", count, c_.mask_size[i], c_.mask_dtype[i]);
    }
    const std::int64_t height = c_.height[i];
    const std::int64_t width = c_.width[i];
    std::uint64_t pixels = 0;
    for (std::uint64_t s = begin; s < begin + count; ++s) {
      const auto& [x, y, w, h] = c_.segment_bbox[s];
      const std::int64_t box = std::int64_t{w} * h;
      if (x < 0 || y < 0 || w < 1 || h < 1 || std::int64_t{x} + w > width || std::int64_t{y} + h > height) {
        refuse(i, "segment {} has the box x={} y={} width={} height={}, outside of {} x {} (width x height)", s - begin, x, y, w, h, width,
               height);
      }
      if (c_.segment_area[s] < 1 || c_.segment_area[s] > box) {
        refuse(i, "segment {} has {} pixels in a box of {}", s - begin, c_.segment_area[s], box);
      }
      if (!is_class(c_.segment_class[s]) || c_.segment_iscrowd[s] > 1) {
        refuse(i, "segment {} has class {} and iscrowd {}, wanted 0 to {} and 0 or 1", s - begin, c_.segment_class[s],
               c_.segment_iscrowd[s], static_cast<std::int64_t>(num_classes_) - 1);
      }
      pixels += c_.segment_area[s];
    }
    const std::uint64_t of_image = std::uint64_t{c_.height[i]} * c_.width[i];
    if (pixels > of_image) {
      refuse(i, "its segments have {} pixels, the image {}", pixels, of_image);
    }
  }

  bool is_class(std::int32_t index) const noexcept { return index >= 0 && static_cast<std::size_t>(index) < num_classes_; }

  const IndexColumns& c_;
  TargetKind kind_;
  std::size_t num_classes_;
  const std::string& where_;
  std::uint64_t free_from_ = kPayloadHeaderBytes;
};

}  // namespace

void check_columns(const IndexColumns& columns, TargetKind kind, std::size_t num_classes, std::uint64_t payload_bytes,
                   const std::string& where) {
  IndexChecker(columns, kind, num_classes, where).run(payload_bytes);
}

}  // namespace muster::data
