#include "image/decode_window.hpp"

#include <random>

#include <gmock/gmock.h>

#include "core/error.hpp"
#include "image/decode.hpp"
#include "image/encode.hpp"
#include "image/fixture.hpp"
#include "image/jpeg.hpp"
#include "image/jpeg_forms.hpp"
#include "image/orientation.hpp"

namespace muster::image {
namespace {

Image part_of(const Image& whole, const Window& window) {
  Image part(window.height, window.width);
  for (int y = 0; y < window.height; ++y) {
    std::copy_n(whole.row(window.top + y) + 3 * window.left, part.row_bytes(), part.row(y));
  }
  return part;
}

class Windows {
 public:
  explicit Windows(unsigned seed) : random_(seed) {}

  int below(int end) { return static_cast<int>(random_() % static_cast<unsigned>(end)); }
  Window at(int top, int left, int height, int width) {
    return {.top = top, .left = left, .height = 1 + below(height - top), .width = 1 + below(width - left)};
  }

 private:
  std::mt19937 random_;
};

TEST(DecodeRgbWindow, EqualsThatPartOfTheWholeForEveryFormOfJpeg) {
  for (const JpegForm& form : jpeg_forms()) {
    for (const auto& [height, width] : {std::pair(70, 83), std::pair(64, 96), std::pair(17, 131), std::pair(9, 5), std::pair(1, 1)}) {
      const std::vector<std::byte> bytes = make_jpeg(form, height, width);
      ASSERT_FALSE(bytes.empty()) << form.name;
      const Image whole = decode_rgb(bytes, form.name);
      Windows draw(static_cast<unsigned>(height));
      std::vector<Window> windows = {{0, 0, height, width}, {height - 1, width - 1, 1, 1}, {0, 0, 1, 1}};
      for (int top = 0; top < height; ++top) {  // each first row, then each first column
        windows.push_back(draw.at(top, draw.below(width), height, width));
        windows.push_back({.top = top, .left = draw.below(width), .height = 1, .width = 1});
      }
      for (int left = 0; left < width; ++left) {
        windows.push_back(draw.at(draw.below(height), left, height, width));
        windows.push_back({.top = draw.below(height), .left = left, .height = 1, .width = 1});
      }
      Image part;
      for (const Window& window : windows) {
        decode_rgb_window(bytes, height, width, window, part, form.name);
        ASSERT_EQ(part, part_of(whole, window)) << form.name << ", " << height << " x " << width << ", window at " << window.top << ", "
                                                << window.left << " of " << window.height << " x " << window.width;
      }
    }
  }
}

// What the test above would not notice: that everything is decoded whole.
TEST(DecodeRgbWindow, DecodesInPartWhatItCan) {
  for (const JpegForm& form : jpeg_forms()) {
    const std::vector<std::byte> bytes = make_jpeg(form, 40, 40);
    Image part;
    const bool whole_only = form.progressive || form.name == "4:1:0";
    EXPECT_EQ(decode_jpeg_window(bytes, 40, 40, {8, 8, 8, 8}, part, "x"), !whole_only) << form.name;
  }
}

TEST(DecodeRgbWindow, CutsOtherFormatsFromTheWhole) {
  const Image whole = rgb_fixture("source.png");
  const Window window = {.top = 3, .left = 5, .height = 20, .width = 11};
  Image part;
  decode_rgb_window(fixture("source.png"), whole.height, whole.width, window, part, "source.png");
  EXPECT_EQ(part, part_of(whole, window));
}

TEST(DecodeRgbWindow, DoesNotReadWhatLiesBehindTheWindowButNoticesDamageBeforeIt) {
  std::vector<std::byte> bytes = make_jpeg(jpeg_forms()[2], 128, 128);
  const Image whole = decode_rgb(bytes, "x");
  bytes.resize(bytes.size() / 2);
  Image part;
  decode_rgb_window(bytes, 128, 128, {0, 0, 32, 32}, part, "x");
  EXPECT_EQ(part, part_of(whole, {0, 0, 32, 32}));
  EXPECT_THROW(decode_rgb_window(bytes, 128, 128, {96, 0, 32, 32}, part, "x"), DataError);
  EXPECT_THROW(decode_rgb_window(bytes, 128, 128, {100, 0, 20, 32}, part, "x"), DataError);
}

TEST(DecodeRgbWindow, RefusesAnotherSizeThanTheIndexSaysAndWindowsOutside) {
  Image part;
  for (const std::vector<std::byte>& bytes : {make_jpeg(jpeg_forms()[0], 20, 30), encode_png(Image(20, 30))}) {
    EXPECT_THROW(decode_rgb_window(bytes, 30, 20, {0, 0, 5, 5}, part, "x"), DataError);
    EXPECT_THROW(decode_rgb_window(bytes, 20, 30, {16, 0, 5, 5}, part, "x"), InvariantError);
    EXPECT_THROW(decode_rgb_window(bytes, 20, 30, {0, -1, 5, 5}, part, "x"), InvariantError);
    EXPECT_THROW(decode_rgb_window(bytes, 20, 30, {0, 0, 0, 5}, part, "x"), InvariantError);
  }
}

TEST(StoredWindow, IsWhatTurnsIntoTheUprightOne) {
  const Image stored = rgb_fixture("source.png");
  for (int exif = 1; exif <= 8; ++exif) {
    const Image upright = apply_orientation(stored, exif);
    Windows draw(static_cast<unsigned>(exif));
    for (int i = 0; i < 50; ++i) {
      const Window window = draw.at(draw.below(upright.height), draw.below(upright.width), upright.height, upright.width);
      const Image part = part_of(stored, stored_window(window, exif, stored.height, stored.width));
      ASSERT_EQ(apply_orientation(part, exif), part_of(upright, window)) << exif;
    }
  }
  EXPECT_THROW((void)stored_window({0, 0, 1, 1}, 9, 2, 2), InvariantError);
}

}  // namespace
}  // namespace muster::image
