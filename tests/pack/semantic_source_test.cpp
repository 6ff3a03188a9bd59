#include "pack/semantic_source.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "data/mask_codec.hpp"
#include "pack/dense_mask.hpp"
#include "pack/sources.hpp"

namespace muster::pack {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing_support::labels;
using testing_support::message_of;
using testing_support::put;

class SemanticSourceTest : public testing::Test {
 protected:
  std::unique_ptr<SplitSource> source(const std::string& masks = "") {
    PackOptions options = sources_.options();
    std::vector<std::string> notices;
    return make_semantic_source(options, "train", {.images = options.images, .masks = masks.empty() ? options.masks : masks}, notices);
  }
  // Of the only sample.
  EncodedTarget encoded(int height, int width) {
    const auto made = source();
    const Listing listing = made->list(testing_support::scan_here);
    return made->encode(listing.samples.at(0), height, width);
  }
  void classes(std::string_view text) { put(sources_.path() / "classes.json", text); }

  testing_support::Sources sources_;
};

TEST_F(SemanticSourceTest, StoresDenseLabelsWithTheirHistogram) {
  sources_.add("a/x", 4, 3, 10);
  const EncodedTarget target = encoded(4, 3);
  EXPECT_EQ(target.dtype, 1);
  EXPECT_THAT(target.histogram, ElementsAre(data::ClassPixels{0, 4}, data::ClassPixels{1, 4}));
  const image::LabelMap map = data::decode_mask(target.mask, target.codec, 1, 4, 3, "x");
  EXPECT_THAT(map.values, ElementsAre(kVoid, 0, 0, kVoid, 1, 1, kVoid, 0, 0, kVoid, 1, 1));
  EXPECT_THAT(message_of<DataError>([&] { (void)encoded(3, 4); }), HasSubstr("masks/a/x.png: 3 x 4 now, 4 x 3 when packing began"));
}

TEST_F(SemanticSourceTest, MergesValuesAndCountsThemTogether) {
  classes(R"({"classes": {"3": {"name": "road", "labels": [0, 7]}, "1": "sky"}, "ignore_classes": [255]})");
  sources_.add("x", 4, 3, 10);
  const EncodedTarget target = encoded(4, 3);
  EXPECT_THAT(target.histogram, ElementsAre(data::ClassPixels{1, 8}));
}

TEST_F(SemanticSourceTest, ReadsMasksInColor) {
  classes(R"({"classes": {"0": {"name": "a", "labels": [[0, 0, 30], [1, 0, 30]]}, "1": {"name": "b", "labels": [[2, 0, 30]]}}})");
  sources_.add("x", 2, 3, 10);
  image::Image mask(2, 3);
  for (int i = 0; i < 6; ++i) {
    mask.pixels[static_cast<std::size_t>(3 * i)] = static_cast<std::uint8_t>(i % 3);
    mask.pixels[static_cast<std::size_t>(3 * i + 2)] = 30;
  }
  put(sources_.masks() / "x.png", image::encode_png(mask));
  const EncodedTarget target = encoded(2, 3);
  EXPECT_THAT(target.histogram, ElementsAre(data::ClassPixels{0, 4}, data::ClassPixels{1, 2}));
  EXPECT_THAT(data::decode_mask(target.mask, target.codec, 1, 2, 3, "x").values, ElementsAre(0, 0, 1, 0, 0, 1));

  put(sources_.masks() / "x.png", image::encode_png_labels(labels(2, 3, [](int, int) { return 40000; }), 16));
  EXPECT_THAT(message_of<DataError>([&] { (void)encoded(2, 3); }), HasSubstr("labels are colours of 8 bits, and this mask has 16 bits"));
  put(sources_.masks() / "x.png", image::encode_jpeg(mask, 90));
  EXPECT_THAT(message_of<DataError>([&] { (void)encoded(2, 3); }), HasSubstr("x.png is a JPEG file, whose values may change"));
}

TEST_F(SemanticSourceTest, NamesUndeclaredColorsAndValuesWithTheirPixels) {
  sources_.add("x", 4, 3, 10);
  classes(R"({"classes": {"0": {"name": "a", "labels": [[0, 0, 0]]}}})");
  try {
    (void)encoded(4, 3);
    FAIL() << "nothing was refused";
  } catch (const UndeclaredValueError& error) {
    EXPECT_THAT(error.what(),
                HasSubstr("masks/x.png: undeclared colour (7, 7, 7) in 4 pixels, (255, 255, 255) in 4 pixels; add it to the labels"));
    ASSERT_EQ(error.values().size(), 2u);
    EXPECT_EQ(error.values()[1].value, "(255, 255, 255)");
    EXPECT_EQ(error.values()[1].pixels, 4u);
  }
  classes(R"({"classes": {"0": "a"}})");
  EXPECT_THAT(message_of<UndeclaredValueError>([&] { (void)encoded(4, 3); }),
              HasSubstr("masks/x.png: undeclared value 7 in 4 pixels, 255 in 4 pixels; add it to classes or ignore_classes in"));
  classes(R"({"classes": {"0": "a"}, "reduce_labels": true})");
  EXPECT_THAT(message_of<UndeclaredValueError>([&] { (void)encoded(4, 3); }),
              HasSubstr("undeclared value 7 in 4 pixels; add what it is less one"));
}

TEST_F(SemanticSourceTest, ListsByFolderAndByPatternAlike) {
  sources_.add_many(4);
  put(sources_.images() / "notes.txt", "x");
  const Listing by_folder = source()->list(testing_support::scan_here);
  const Listing by_pattern =
      source((sources_.masks() / "{image_path.parent.name}/{image_path.stem}.png").string())->list(testing_support::scan_here);
  ASSERT_EQ(by_folder.samples.size(), 4u);
  ASSERT_EQ(by_pattern.samples.size(), 4u);
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(by_folder.samples[i].image.key, by_pattern.samples[i].image.key);
    EXPECT_EQ(by_folder.samples[i].mask->key, by_pattern.samples[i].mask->key);
    EXPECT_EQ(by_folder.samples[i].mask->bytes, by_pattern.samples[i].mask->bytes);
    EXPECT_EQ(by_folder.samples[i].mask->mtime_ns, by_pattern.samples[i].mask->mtime_ns);
  }
  EXPECT_EQ(by_folder.other_files, 1u);
  EXPECT_EQ(by_pattern.other_files, 1u);
  const Listing wrong = source((sources_.masks() / "{image_path.stem}.png").string())->list(testing_support::scan_here);
  EXPECT_EQ(wrong.problems.size(), 4u);
}

TEST_F(SemanticSourceTest, TakesMasksBelowTheImagesForNoImages) {
  sources_.add_many(2);
  const std::string below = sources_.images() / "masks";
  fs::rename(sources_.masks(), below);
  const Listing listing = source(below)->list(testing_support::scan_here);
  EXPECT_EQ(listing.samples.size(), 2u);
  EXPECT_EQ(listing.images, 2u);
  EXPECT_THAT(listing.problems, testing::IsEmpty());
  EXPECT_EQ(source(sources_.images())->list(testing_support::scan_here).images, 4u) << "one folder for both is searched";
}

}  // namespace
}  // namespace muster::pack
