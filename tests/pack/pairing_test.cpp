#include "pack/pairing.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "pack/preflight.hpp"
#include "pack/sources.hpp"

namespace muster::pack {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::vector<io::SourceFile> files(const std::vector<std::string>& keys) {
  std::vector<io::SourceFile> list;
  for (const std::string& key : keys) {
    list.push_back({.key = key, .path = key});
  }
  return list;
}

TEST(PairFiles, TakesTheSameNameWithAnotherExtensionInTheSameSubfolder) {
  const Pairing pairing =
      pair_files(files({"a/x.jpg", "b/x.jpg", "y.v2.png"}), files({"a/x.png", "b/x.jpg.png", "other.png", "y.v2.png"}), false);
  ASSERT_EQ(pairing.pairs.size(), 3u);
  EXPECT_EQ(pairing.pairs[0].mask.key, "a/x.png");
  EXPECT_EQ(pairing.pairs[1].mask.key, "b/x.jpg.png");
  EXPECT_EQ(pairing.pairs[2].mask.key, "y.v2.png");
  EXPECT_TRUE(pairing.problems.empty());
  EXPECT_EQ(pairing.masks_without_image, 1u);
}

TEST(PairFiles, NamesImagesWithoutMaskAndNamesThatAreNotUtf8) {
  const Pairing pairing = pair_files(files({"bad\xff.jpg", "x.jpg"}), files({"bad\xff.png", "y.png"}), false);
  EXPECT_TRUE(pairing.pairs.empty());
  ASSERT_EQ(pairing.problems.size(), 2u);
  EXPECT_THAT(pairing.problems[0].text, HasSubstr("not UTF-8"));
  EXPECT_THAT(pairing.problems[1].text, HasSubstr("x.jpg: no mask x.png or x.jpg.png"));
}

TEST(PairFiles, RefusesImagesThatShareAMaskUnlessTheExtensionIsKept) {
  const auto images = files({"x.jpg", "x.png"});
  const Pairing shared = pair_files(images, files({"x.png"}), false);
  EXPECT_TRUE(shared.pairs.empty());
  ASSERT_EQ(shared.problems.size(), 2u);
  EXPECT_FALSE(shared.problems[0].can_skip);
  EXPECT_THAT(shared.problems[0].text, HasSubstr("x.jpg, x.png differ in their extension alone"));
  EXPECT_EQ(pair_files(images, files({"x.jpg.png", "x.png.png"}), true).pairs.size(), 2u);
  EXPECT_EQ(pair_files(images, files({"x.png"}), true).problems.size(), 2u);
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
