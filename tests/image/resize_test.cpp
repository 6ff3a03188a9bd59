#include "image/resize.hpp"

#include <algorithm>
#include <string>

#include <fmt/format.h>

#include "core/error.hpp"
#include "image/fixture.hpp"

namespace muster::image {
namespace {

using Size = std::pair<int, int>;

TEST(Resize, EqualsPillowBitForBit) {
  const Image source = rgb_fixture("source.png");
  for (const auto& [filter, name] : {std::pair(Filter::kBilinear, "bilinear"), std::pair(Filter::kBicubic, "bicubic")}) {
    for (const auto& [height, width] : {Size{47, 61}, {24, 31}, {80, 100}, {47, 20}, {13, 61}, {1, 1}, {7, 90}}) {
      EXPECT_EQ(resize(source, {.height = height, .width = width, .filter = filter}),
                rgb_fixture(fmt::format("{}_{}x{}.png", name, height, width)))
          << name << " " << height << " x " << width;
    }
    EXPECT_EQ(resize(source, {.height = 29, .width = 33, .filter = filter, .box = Box{3.25F, 1.5F, 50.7F, 44.125F}}),
              rgb_fixture(fmt::format("{}_box_29x33.png", name)));
  }
}

TEST(Resize, GivesForAWindowWhatTheWholeHoldsThere) {
  const Image source = rgb_fixture("source.png");
  for (const auto& [height, width] : {Size{47, 61}, {24, 31}, {80, 100}, {47, 20}, {13, 61}}) {
    const Image whole = resize_bilinear(source, height, width);
    const Window window = {.top = height / 3, .left = width / 4, .height = height / 2, .width = width / 3};
    const Image part = resize(source, {.height = height, .width = width, .window = window});
    ASSERT_EQ(part.height, window.height);
    ASSERT_EQ(part.width, window.width);
    for (int y = 0; y < part.height; ++y) {
      const std::uint8_t* expected = whole.row(window.top + y) + window.left * 3;
      EXPECT_TRUE(std::equal(part.row(y), part.row(y) + part.row_bytes(), expected)) << height << " x " << width << " row " << y;
    }
  }
}

// A decoder that is asked for source_window() alone, or for more than that.
TEST(Resize, NeedsNoMoreOfTheSourceThanItSays) {
  const Image source = rgb_fixture("source.png");
  for (const auto& [height, width] : {Size{47, 61}, {24, 31}, {80, 100}, {47, 20}, {13, 61}, {5, 3}}) {
    for (const std::optional<Box>& box : {std::optional<Box>(), std::optional<Box>(Box{3.25F, 1.5F, 50.7F, 44.125F})}) {
      ResizeRequest request = {.height = height, .width = width, .box = box};
      request.window = Window{.top = height / 4, .left = width / 3, .height = height - height / 3, .width = width / 2};
      const Image expected = resize(source, request);
      const Window needed = source_window(request, source.height, source.width);
      for (const int margin : {0, 1}) {
        const int top = std::max(needed.top - margin, 0), left = std::max(needed.left - margin, 0);
        const int bottom = std::min(needed.top + needed.height + margin, source.height);
        const int right = std::min(needed.left + needed.width + margin, source.width);
        Image part(bottom - top, right - left);
        for (int y = top; y < bottom; ++y) {
          std::copy_n(source.row(y) + 3 * left, part.row_bytes(), part.row(y - top));
        }
        request.part = PartOf{.top = top, .left = left, .height = source.height, .width = source.width};
        EXPECT_EQ(resize(part, request), expected) << height << " x " << width << " margin " << margin;
      }
      request.part = PartOf{.top = needed.top + 1, .left = needed.left, .height = source.height, .width = source.width};
      EXPECT_THROW((void)resize(source, request), InvariantError);
      request.part.reset();
    }
  }
}

// A picture cut out first, and the same as a part that reaches over its edges on all sides.
TEST(Resize, LooksNotBeyondTheEdgeOfTheWholeThatItIsToldOf) {
  const Image source = rgb_fixture("source.png");
  const Window box = {.top = 7, .left = 9, .height = 30, .width = 41};
  Image cut(box.height, box.width);
  for (int y = 0; y < box.height; ++y) {
    std::copy_n(source.row(box.top + y) + 3 * box.left, cut.row_bytes(), cut.row(y));
  }
  for (const auto& [height, width] : {Size{30, 41}, {16, 16}, {64, 64}, {30, 16}, {16, 41}}) {
    const PartOf part = {.top = -box.top, .left = -box.left, .height = box.height, .width = box.width};
    EXPECT_EQ(resize(source, {.height = height, .width = width, .part = part}), resize(cut, {.height = height, .width = width}));
  }
}

TEST(Resize, ReusesTheMemoryOfItsResult) {
  const Image source = rgb_fixture("source.png");
  Image out(90, 90);
  const std::uint8_t* memory = out.pixels.data();
  resize_into(source, {.height = 20, .width = 30}, out);
  EXPECT_EQ(out, resize_bilinear(source, 20, 30));
  EXPECT_EQ(out.pixels.data(), memory);
}

TEST(ResizeNearest, EqualsPillowAlsoWhereCentresFallOnBorders) {
  const LabelMap source = decode_labels(fixture("labels.png"), "labels.png");
  for (const auto& [height, width] : {Size{54, 75}, {18, 25}, {12, 40}, {60, 30}, {7, 99}, {36, 50}}) {
    const LabelMap whole = resize_nearest(source, height, width);
    EXPECT_EQ(whole, decode_labels(fixture(fmt::format("nearest_{}x{}.png", height, width)), "expected")) << height << " x " << width;
    const LabelMap part = resize_nearest(source, height, width, Window{.top = 2, .left = 5, .height = 4, .width = 20});
    for (int y = 0; y < 4; ++y) {
      EXPECT_TRUE(std::equal(part.row(y), part.row(y) + 20, whole.row(y + 2) + 5));
    }
  }
}

TEST(Resize, RefusesABoxOrAWindowOutside) {
  const Image source(10, 10);
  EXPECT_THROW((void)resize_bilinear(source, 5, 5, Box{0, 0, 11, 5}), InvariantError);
  EXPECT_THROW((void)resize_bilinear(source, 0, 5), InvariantError);
  EXPECT_THROW((void)resize(source, {.height = 5, .width = 5, .window = Window{0, 3, 5, 3}}), InvariantError);
  EXPECT_THROW((void)resize_nearest(LabelMap(4, 4), 2, 2, Window{1, 0, 2, 2}), InvariantError);
}

}  // namespace
}  // namespace muster::image
