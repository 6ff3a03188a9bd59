#include "pack/pairing.hpp"

#include <array>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "pack/inspect_sample.hpp"
#include "pack/sources.hpp"

namespace muster::pack {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing_support::message_of;

std::vector<io::SourceFile> files(const std::vector<std::string>& keys) {
  std::vector<io::SourceFile> list;
  for (const std::string& key : keys) {
    list.push_back({.key = key, .path = key});
  }
  return list;
}

TEST(PairFiles, TakesTheSameNameWithAnotherExtensionInTheSameSubfolder) {
  const Listing listing =
      pair_files(files({"a/x.jpg", "b/x.jpg", "y.v2.png"}), files({"a/x.png", "b/x.jpg.png", "other.png", "y.v2.png"}), false);
  ASSERT_EQ(listing.samples.size(), 3u);
  EXPECT_EQ(listing.samples[0].mask->key, "a/x.png");
  EXPECT_EQ(listing.samples[1].mask->key, "b/x.jpg.png");
  EXPECT_EQ(listing.samples[2].mask->key, "y.v2.png");
  EXPECT_TRUE(listing.problems.empty());
  EXPECT_EQ(listing.targets_without_image, 1u);
}

TEST(PairFiles, NamesImagesWithoutMaskAndNamesThatAreNotUtf8) {
  const Listing listing = pair_files(files({"bad\xff.jpg", "x.jpg"}), files({"bad\xff.png", "y.png"}), false);
  EXPECT_TRUE(listing.samples.empty());
  ASSERT_EQ(listing.problems.size(), 2u);
  EXPECT_THAT(listing.problems[0].text, HasSubstr("not UTF-8"));
  EXPECT_THAT(listing.problems[1].text, HasSubstr("x.jpg: no mask x.png or x.jpg.png"));
}

TEST(PairFiles, RefusesImagesThatShareAMaskUnlessTheExtensionIsKept) {
  const auto images = files({"x.jpg", "x.png"});
  const Listing shared = pair_files(images, files({"x.png"}), false);
  EXPECT_TRUE(shared.samples.empty());
  ASSERT_EQ(shared.problems.size(), 2u);
  EXPECT_FALSE(shared.problems[0].can_skip);
  EXPECT_THAT(shared.problems[0].text, HasSubstr("x.jpg, x.png differ in their extension alone"));
  EXPECT_EQ(pair_files(images, files({"x.jpg.png", "x.png.png"}), true).samples.size(), 2u);
  EXPECT_EQ(pair_files(images, files({"x.png"}), true).problems.size(), 2u);
}

TEST(PairFiles, SaysWhyAJpegIsNoMaskAndLeavesPreviewsAlone) {
  const Listing listing =
      pair_files(files({"a.jpg", "b.jpg", "c.png", "d.jpg"}), files({"a.jpg", "a.png", "b.jpg", "c.png.jpeg", "d.bmp"}), false);
  ASSERT_EQ(listing.samples.size(), 2u);
  EXPECT_EQ(listing.samples[0].mask->key, "a.png");
  EXPECT_EQ(listing.samples[1].mask->key, "d.bmp");
  ASSERT_EQ(listing.problems.size(), 2u);
  EXPECT_THAT(listing.problems[0].text, HasSubstr("b.jpg: its mask b.jpg is a JPEG file, whose values change in compression"));
  EXPECT_THAT(listing.problems[1].text, HasSubstr("c.png: its mask c.png.jpeg is a JPEG"));
  EXPECT_EQ(listing.targets_without_image, 0u);
}

// Images of folder `images`, and a look-up that finds the masks of these paths.
struct Pattern {
  std::set<std::string> there;

  Listing pair(const std::vector<std::string>& keys, const std::string& pattern) const {
    std::vector<io::SourceFile> images;
    for (const std::string& key : keys) {
      images.push_back({.key = key, .path = "images/" + key});
    }
    return pair_by_pattern(images, "images", MaskPattern(pattern), [&](std::span<io::SourceFile> masks) {
      for (io::SourceFile& mask : masks) {
        mask.mtime_ns = there.contains(mask.path.lexically_normal()) ? 1 : io::kNotLookedUp;
      }
    });
  }
};

TEST(PairByPattern, PutsTheNamesOfTheImageIntoThePattern) {
  const Pattern masks{{"m/b.png", "images/a/b.jpg.tif", "images/a/a_b.png", "images/m/a/b.png"}};
  for (const auto& [pattern, mask, key] : std::vector<std::array<std::string, 3>>{
           {"m/{image_path.stem}.png", "m/b.png", "b.png"},
           {"{image_path}.tif", "images/a/b.jpg.tif", "a/b.jpg.tif"},
           {"{image_path.parent}/{image_path.parent.name}_{image_path.stem}.png", "images/a/a_b.png", "a/a_b.png"},
           {"{image_path.parent.parent}/m/{image_path.parent.name}/{image_path.stem}.png", "images/m/a/b.png", "m/a/b.png"},
           {"{image_path.parent}/../m/a/{image_path.stem}.png", "images/a/../m/a/b.png", "m/a/b.png"}}) {
    const Listing listing = masks.pair({"a/b.jpg"}, pattern);
    ASSERT_EQ(listing.samples.size(), 1u) << pattern;
    EXPECT_EQ(listing.samples[0].mask->path, mask);
    EXPECT_EQ(listing.samples[0].mask->key, key);
  }
}

TEST(PairByPattern, TakesMasksBesideTheirImagesForNoImages) {
  const Pattern masks{{"images/x_m.png", "images/y_m.png"}};
  const Listing listing = masks.pair({"x.png", "x_m.png", "y.png", "y_m.png", "z.png"}, "{image_path.parent}/{image_path.stem}_m.png");
  EXPECT_EQ(listing.images, 3u);
  ASSERT_EQ(listing.samples.size(), 2u);
  EXPECT_EQ(listing.samples[1].image.key, "y.png");
  ASSERT_EQ(listing.problems.size(), 1u);
  EXPECT_THAT(listing.problems[0].text, HasSubstr("images/z.png: no mask images/z_m.png"));
}

TEST(PairByPattern, TakesMasksBelowTheImagesForNoImages) {
  const Pattern masks{{"images/m/x.png", "images/m/z.png"}};
  const Listing listing = masks.pair({"m/x.png", "m/z.png", "x.jpg"}, "images/m/{image_path.stem}.png");
  EXPECT_TRUE(listing.problems.empty());
  EXPECT_EQ(listing.images, 1u);
  EXPECT_EQ(listing.targets_without_image, 1u);
  ASSERT_EQ(listing.samples.size(), 1u);
  EXPECT_EQ(listing.samples[0].mask->key, "x.png");
}

TEST(PairByPattern, RefusesASharedMaskUnlessThePatternMeansIt) {
  const Pattern masks{{"m/x.png", "m/a.png", "m/b.png", "images/a/m.png"}};
  const Listing shared = masks.pair({"a/x.jpg", "b/x.jpg"}, "m/{image_path.stem}.png");
  EXPECT_TRUE(shared.samples.empty());
  ASSERT_EQ(shared.problems.size(), 2u);
  EXPECT_FALSE(shared.problems[0].can_skip);
  EXPECT_THAT(shared.problems[0].text, HasSubstr("a/x.jpg, b/x.jpg share the mask m/x.png"));
  EXPECT_EQ(masks.pair({"a/x.jpg", "b/x.jpg"}, "m/{image_path.parent.name}.png").samples.size(), 2u);
  EXPECT_EQ(masks.pair({"a/x.jpg", "a/y.jpg"}, "{image_path.parent}/m.png").samples.size(), 2u);
}

TEST(MaskPattern, KnowsItsPartsAndItsFolder) {
  EXPECT_TRUE(MaskPattern::is_pattern("m/{image_path.stem}.png"));
  EXPECT_FALSE(MaskPattern::is_pattern("m/{old}"));
  EXPECT_EQ(MaskPattern("m/n/x_{image_path.stem}.png").folder(), "m/n");
  EXPECT_EQ(MaskPattern("/{image_path.stem}.png").folder(), "/");
  EXPECT_EQ(MaskPattern("{image_path.parent}/m.png").folder(), "");
  EXPECT_EQ(MaskPattern("{image_path.stem}{image_path.suffix}|{image_path.name}").of("a/b.c.jpg"), "b.c.jpg|b.c.jpg");
  EXPECT_EQ(MaskPattern("{image_path.parent.parent}/masks/{image_path.stem}.png").of("train/images/b.jpg"), "train/masks/b.png");
  EXPECT_EQ(MaskPattern("{image_path.parent.parent.parent.name}|{image_path.parent.stem}{image_path.parent.suffix}").of("x/y/z.d/b.jpg"), "x|z.d");
  EXPECT_EQ(MaskPattern("{image_path.parent.parent.parent}/m").of("a/b.jpg"), "./m");
  EXPECT_EQ(MaskPattern("{image_path.parent.parent.parent}m").of("/a/b.jpg"), "/m");
  for (const char* wrong : {"{image_path.name.parent}", "{image_path.parents}", "{image_path.parent.}"}) {
    EXPECT_THAT(message_of<ConfigError>([&] { MaskPattern{wrong}; }), HasSubstr("any number of .parent"));
  }
  EXPECT_THROW(MaskPattern("{image_path.size}"), ConfigError);
  EXPECT_THROW(MaskPattern("{image_path.stem"), ConfigError);
}

struct OrientationCase {
  int exif, height, width, mask_height, mask_width;
  const char* policy;
  int orientation;  // 0 = a problem, -1 = ambiguous
};

TEST(ChooseOrientation, FollowsTheMaskAndAsksWhereItCannotTell) {
  const OrientationCase cases[] = {
      {1, 2, 3, 2, 3, "auto", 1},   {1, 2, 3, 3, 2, "auto", 0},   {6, 2, 3, 2, 3, "auto", 1},   {6, 2, 3, 3, 2, "auto", 6},
      {6, 3, 3, 3, 3, "auto", -1},  {3, 2, 3, 2, 3, "auto", -1},  {3, 2, 3, 3, 2, "auto", 0},   {8, 2, 3, 2, 2, "auto", 0},
      {3, 2, 3, 2, 3, "apply", 3},  {6, 2, 3, 3, 2, "apply", 6},  {6, 2, 3, 2, 3, "apply", 0},  {6, 3, 3, 3, 3, "apply", 6},
      {3, 2, 3, 2, 3, "ignore", 1}, {6, 2, 3, 2, 3, "ignore", 1}, {6, 2, 3, 3, 2, "ignore", 0}, {6, 3, 3, 3, 3, "ignore", 1}};
  for (const OrientationCase& c : cases) {
    SCOPED_TRACE(testing::Message() << "exif " << c.exif << ", image " << c.height << " x " << c.width << ", mask " << c.mask_height
                                    << " x " << c.mask_width << ", " << c.policy);
    image::ImageInfo image, mask;
    image.exif_orientation = c.exif;
    image.height = c.height;
    image.width = c.width;
    mask.height = c.mask_height;
    mask.width = c.mask_width;
    const OrientationChoice choice = choose_orientation(image, mask, c.policy);
    EXPECT_EQ(choice.problem.empty(), c.orientation > 0) << choice.problem;
    EXPECT_EQ(choice.ambiguous, c.orientation == -1);
    if (c.orientation > 0) {
      EXPECT_EQ(choice.orientation, c.orientation);
    }
  }
}

}  // namespace
}  // namespace muster::pack
