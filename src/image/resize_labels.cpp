#include "image/resize.hpp"

#include "core/error.hpp"

namespace muster::image {

// The centre is advanced by addition, as Pillow does: where it falls on a border between two pixels, the rounding of that sum decides.
std::vector<int> nearest_index(int old_size, int new_size, int offset, int count) {
  const double scale = static_cast<double>(old_size) / new_size;
  std::vector<int> index;
  index.reserve(static_cast<std::size_t>(count));
  double centre = scale * 0.5;
  for (int i = 0; i < offset + count; ++i, centre += scale) {
    if (i >= offset) {
      index.push_back(centre < old_size ? static_cast<int>(centre) : old_size - 1);
    }
  }
  return index;
}

LabelMap resize_nearest(const LabelMap& labels, int height, int width, std::optional<Window> window) {
  check(labels.height > 0 && labels.width > 0 && height > 0 && width > 0, "resize_nearest: {} x {} to {} x {}", labels.height, labels.width,
        height, width);
  const Window part = window.value_or(Window{0, 0, height, width});
  check(part.top >= 0 && part.left >= 0 && part.height > 0 && part.width > 0 && part.top + part.height <= height &&
            part.left + part.width <= width,
        "resize_nearest: window {} {} {} {} of {} x {}", part.top, part.left, part.height, part.width, height, width);
  const std::vector<int> rows = nearest_index(labels.height, height, part.top, part.height);
  const std::vector<int> columns = nearest_index(labels.width, width, part.left, part.width);
  LabelMap out(part.height, part.width);
  std::uint16_t* to = out.values.data();
  for (const int y : rows) {
    const std::uint16_t* from = labels.row(y);
    for (const int x : columns) {
      *to++ = from[x];
    }
  }
  return out;
}

}  // namespace muster::image
