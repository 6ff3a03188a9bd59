// Smaller, stripped and transcoded images; beside Pillow: variants_by_pillow.py.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "data/mask_codec.hpp"
#include "image/encode.hpp"
#include "image/resize.hpp"
#include "pack/pack_progress.hpp"
#include "pack/shrink.hpp"
#include "pack/sources.hpp"
#include "pack/stored_image.hpp"
#include "pack/strip_metadata.hpp"

namespace muster::pack {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing_support::gradient;
using testing_support::labels;
using testing_support::message_of;

std::vector<std::byte> bytes_of(std::string_view text) {
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

std::vector<std::byte> joined(std::initializer_list<std::span<const std::byte>> parts) {
  std::vector<std::byte> all;
  for (const auto part : parts) {
    all.insert(all.end(), part.begin(), part.end());
  }
  return all;
}

TEST(StripMetadata, TakesSegmentsAndWhatFollowsOutOfAJpegAndNothingElse) {
  const std::vector<std::byte> plain = image::encode_jpeg(gradient(20, 30, 9), 90);
  const std::span<const std::byte> start(plain.data(), 2);
  const std::span<const std::byte> rest(plain.data() + 2, plain.size() - 2);
  const std::vector<std::byte> full = joined({start,
                                              bytes_of(std::string_view("\xFF\xE1\x00\x08"
                                                                        "Exif\0\0",
                                                                        10)),
                                              bytes_of(std::string_view("\xFF\xFE\x00\x04hi", 6)), rest, bytes_of("trailing thumbnail")});
  EXPECT_EQ(strip_metadata(full, image::Codec::kJpeg, "a.jpg"), plain);
  EXPECT_EQ(strip_metadata(plain, image::Codec::kJpeg, "a.jpg"), plain);
}

TEST(StripMetadata, TakesTheThumbnailOutOfJfif) {
  const std::vector<std::byte> plain = image::encode_jpeg(gradient(8, 8, 9), 90);
  ASSERT_EQ(plain[3], std::byte{0xE0});  // the library writes JFIF
  std::vector<std::byte> with =
      joined({std::span(plain.data(), 2), bytes_of(std::string_view("\xFF\xE0\x00\x13JFIF\0", 9)), std::span(plain.data() + 11, 7),
              bytes_of(std::string_view("\x01\x01"
                                        "abc",
                                        5)),
              std::span(plain.data() + 20, plain.size() - 20)});
  EXPECT_EQ(image::decode_rgb(with, "with"), image::decode_rgb(plain, "plain"));
  EXPECT_EQ(strip_metadata(with, image::Codec::kJpeg, "a.jpg"), plain);
}

TEST(StripMetadata, TakesTextOutOfAPng) {
  const std::vector<std::byte> plain = image::encode_png(gradient(20, 30, 9));
  constexpr std::size_t kBehindHeader = 33;  // signature and IHDR
  const std::vector<std::byte> full =
      joined({std::span(plain.data(), kBehindHeader), bytes_of(std::string_view("\0\0\0\x03tEXtk\0v1234", 15)),
              std::span(plain.data() + kBehindHeader, plain.size() - kBehindHeader), bytes_of("more")});
  EXPECT_EQ(strip_metadata(full, image::Codec::kPng, "a.png"), plain);
}

TEST(StripMetadata, NamesAFileThatBreaksOff) {
  std::vector<std::byte> cut = image::encode_jpeg(gradient(20, 30, 9), 90);
  cut.resize(cut.size() - 10);
  EXPECT_THAT(message_of<DataError>([&] { strip_metadata(cut, image::Codec::kJpeg, "a.jpg"); }), HasSubstr("a.jpg"));
  cut.resize(15);
  EXPECT_THAT(message_of<DataError>([&] { strip_metadata(cut, image::Codec::kJpeg, "a.jpg"); }), HasSubstr("a.jpg"));
}

TEST(Shrunk, KeepsProportionsAndSmallImages) {
  EXPECT_EQ(shrunk({1000, 2000}, 512), (Extent{256, 512}));
  EXPECT_EQ(shrunk({1333, 1000}, 100), (Extent{100, 75}));
  EXPECT_EQ(shrunk({5000, 3}, 100), (Extent{100, 1}));
  EXPECT_EQ(shrunk({100, 50}, 100), (Extent{100, 50}));
  EXPECT_EQ(shrunk({100, 50}, 0), (Extent{100, 50}));
}

TEST(ShrinkTarget, CountsClassesOfTheSmallerMask) {
  const image::LabelMap map = labels(40, 60, [](int y, int x) { return x == 31 && y == 7 ? 2 : y < 20 ? 0 : x < 10 ? 65535 : 1; });
  EncodedTarget target;
  target.mask = data::encode_mask(map, 1);
  target.codec = image::Codec::kZlibRaw;
  const EncodedTarget small = shrink_target(target, {40, 60}, {10, 15}, false);
  const image::LabelMap stored = data::decode_mask(small.mask, small.codec, small.dtype, 10, 15, "small");
  EXPECT_EQ(stored, image::resize_nearest(map, 10, 15));
  ASSERT_EQ(small.histogram.size(), 2u);  // the single pixel of class 2 is gone
  for (const data::ClassPixels& entry : small.histogram) {
    EXPECT_EQ(entry.pixels, std::count(stored.values.begin(), stored.values.end(), entry.class_index));
  }
}

TEST(ShrinkTarget, MeasuresSegmentsAgainAndDropsThoseThatVanish) {
  // 1: the upper half; 2: one pixel; 3: a box in the lower right
  const image::LabelMap map = labels(40, 40, [](int y, int x) { return y == 3 && x == 4 ? 2 : y < 20 ? 1 : x >= 24 && y >= 32 ? 3 : 0; });
  EncodedTarget target;
  target.mask = data::encode_segment_mask(map, 1);
  target.codec = image::Codec::kZlibRaw;
  target.segments = {{.original_id = 11, .class_index = 5, .area = 799, .bbox = {0, 0, 40, 20}},
                     {.original_id = 12, .class_index = 6, .area = 1, .bbox = {4, 3, 1, 1}},
                     {.original_id = 13, .class_index = 5, .iscrowd = 1, .area = 128, .bbox = {24, 32, 16, 8}}};
  const EncodedTarget small = shrink_target(target, {40, 40}, {10, 10}, true);
  const image::LabelMap stored = data::decode_segment_mask(small.mask, small.codec, small.dtype, 10, 10, 2, "small");
  EXPECT_EQ(stored, labels(10, 10, [](int y, int x) { return y < 5 ? 1 : x >= 6 && y >= 8 ? 2 : 0; }));
  EXPECT_THAT(small.segments,
              ElementsAre(data::Segment{.original_id = 11, .class_index = 5, .area = 50, .bbox = {0, 0, 10, 5}},
                          data::Segment{.original_id = 13, .class_index = 5, .iscrowd = 1, .area = 8, .bbox = {6, 8, 4, 2}}));
}

TEST(StoreImage, ScalesByTheAntialiasedFilterOnlyWhatIsTooLarge) {
  const image::Image picture = gradient(60, 90, 3);
  const std::vector<std::byte> png = image::encode_png(picture);
  const image::ImageInfo info = image::probe(png, "p");
  const StoredImage same = store_image(png, info, {.max_side = 90}, "p");
  EXPECT_EQ(same.bytes, png);
  EXPECT_FALSE(same.transcoded);
  const StoredImage small = store_image(png, info, {.max_side = 30}, "p");
  EXPECT_TRUE(small.transcoded);
  const image::Image wanted = image::resize(picture, {.height = 20, .width = 30, .filter = image::Filter::kBicubic});
  EXPECT_EQ(image::decode_rgb(small.bytes, "small"), wanted);
  EXPECT_EQ(small.sums, pixel_sums(wanted));
}

TEST(PackProgress, SaysFilesBytesAndTimeLeft) {
  EXPECT_EQ(progress_line("packing train", {1200, 240'000'000}, {4800, 960'000'000}, 10),
            "packing train: 1200 of 4800 files (25 %), 120 files/s, 24.0 MB/s, about 30 s left");
  EXPECT_EQ(progress_line("packing val", {7, 7}, {7, 7}, 1), "packing val: 7 of 7 files (100 %), 7 files/s, 0.0 MB/s");
  EXPECT_EQ(progress_line("looking at val", {7, 0}, {7, 0}, 1), "looking at val: 7 of 7 files (100 %), 7 files/s");
  EXPECT_EQ(progress_line("packing val", {0, 0}, {7, 7}, 0), "packing val: 0 of 7 files");
  EXPECT_THAT(progress_line("x", {1, 0}, {10'000, 0}, 1), HasSubstr("about 2 h 46 min left"));
}

TEST(PackProgress, TakesTheOtherRanksToBeAsFastAsItself) {
  std::vector<std::string> lines;
  PackProgress progress(
      "x", {100, 0}, 4, [&](const std::string& line, bool) { lines.push_back(line); }, 0);
  progress.add(5, 0);
  EXPECT_THAT(lines.back(), HasSubstr("20 of 100 files"));
  progress.all_ranks({30, 0}, {5, 0});
  progress.add(2, 0);
  EXPECT_THAT(lines.back(), HasSubstr("38 of 100 files"));
  progress.add(90, 0);
  EXPECT_THAT(lines.back(), HasSubstr("100 of 100 files"));
}

}  // namespace
}  // namespace muster::pack
