#include "data/transform_turn.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <utility>

#include "image/orientation.hpp"

namespace muster::data {
namespace {

void mirror_row(std::uint8_t* row, int width) {
  std::uint8_t* left = row;
  std::uint8_t* right = row + static_cast<std::size_t>(width - 1) * 3;
  for (; left < right; left += 3, right -= 3) {
    std::swap(left[0], right[0]);
    std::swap(left[1], right[1]);
    std::swap(left[2], right[2]);
  }
}

void mirror_row(std::uint16_t* row, int width) {
  std::reverse(row, row + width);
}

// `row_values`: values of a row
template <class Map>
void flip(Map& map, std::size_t row_values, bool horizontal, bool vertical) {
  for (int y = 0; vertical && y < map.height / 2; ++y) {
    std::swap_ranges(map.row(y), map.row(y) + row_values, map.row(map.height - 1 - y));
  }
  for (int y = 0; horizontal && y < map.height; ++y) {
    mirror_row(map.row(y), map.width);
  }
}

// Quarter turns clockwise, as EXIF numbers them.
template <class Map>
void turn_by_quarters(Map& map, int quarters) {
  constexpr std::array<int, 4> kTurns = {1, 6, 3, 8};
  if (quarters != 0) {
    map = image::apply_orientation(std::move(map), kTurns[static_cast<std::size_t>(quarters)]);
  }
}

// Where pixels of a picture turned counter-clockwise around its centre come from.
class Rotation {
 public:
  Rotation(double degrees, int height, int width)
      : cosine_(std::cos(degrees * std::numbers::pi / 180)),
        sine_(std::sin(degrees * std::numbers::pi / 180)),
        middle_y_((height - 1) / 2.0),
        middle_x_((width - 1) / 2.0) {}

  double source_y(int y, int x) const { return middle_y_ + sine_ * (x - middle_x_) + cosine_ * (y - middle_y_); }
  double source_x(int y, int x) const { return middle_x_ + cosine_ * (x - middle_x_) - sine_ * (y - middle_y_); }

 private:
  double cosine_;
  double sine_;
  double middle_y_;
  double middle_x_;
};

// Bilinear between the four pixels around, those outside being `fill`.
void rotate_image(image::Image& image, double degrees, std::uint8_t fill) {
  const Rotation rotation(degrees, image.height, image.width);
  const image::Image from = image;
  const auto value = [&](int y, int x, int c) {
    const bool inside = y >= 0 && y < from.height && x >= 0 && x < from.width;
    return static_cast<float>(inside ? from.row(y)[3 * x + c] : fill);
  };
  for (int y = 0; y < image.height; ++y) {
    for (int x = 0; x < image.width; ++x) {
      const double source_y = rotation.source_y(y, x), source_x = rotation.source_x(y, x);
      const int top = static_cast<int>(std::floor(source_y)), left = static_cast<int>(std::floor(source_x));
      const auto down = static_cast<float>(source_y - top), across = static_cast<float>(source_x - left);
      for (int c = 0; c < 3; ++c) {
        const float above = value(top, left, c) * (1 - across) + value(top, left + 1, c) * across;
        const float below = value(top + 1, left, c) * (1 - across) + value(top + 1, left + 1, c) * across;
        image.row(y)[3 * x + c] = static_cast<std::uint8_t>(above * (1 - down) + below * down + 0.5F);
      }
    }
  }
}

void rotate_labels(image::LabelMap& labels, double degrees, std::uint16_t fill) {
  const Rotation rotation(degrees, labels.height, labels.width);
  const image::LabelMap from = labels;
  for (int y = 0; y < labels.height; ++y) {
    for (int x = 0; x < labels.width; ++x) {
      const long source_y = std::lround(rotation.source_y(y, x)), source_x = std::lround(rotation.source_x(y, x));
      const bool inside = source_y >= 0 && source_y < from.height && source_x >= 0 && source_x < from.width;
      labels.row(y)[x] = inside ? from.row(static_cast<int>(source_y))[source_x] : fill;
    }
  }
}

}  // namespace

void turn_image(image::Image& image, const TransformPlan& plan, std::uint8_t fill) {
  flip(image, image.row_bytes(), plan.flip_horizontal, plan.flip_vertical);
  turn_by_quarters(image, plan.quarter_turns);
  if (plan.rotation != 0) {
    rotate_image(image, plan.rotation, fill);
  }
}

void turn_labels(image::LabelMap& labels, const TransformPlan& plan, std::uint16_t fill) {
  flip(labels, static_cast<std::size_t>(labels.width), plan.flip_horizontal, plan.flip_vertical);
  turn_by_quarters(labels, plan.quarter_turns);
  if (plan.rotation != 0) {
    rotate_labels(labels, plan.rotation, fill);
  }
}

}  // namespace muster::data
