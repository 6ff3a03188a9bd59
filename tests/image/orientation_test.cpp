#include "image/orientation.hpp"

#include <string>

#include "core/error.hpp"
#include "image/fixture.hpp"

namespace muster::image {
namespace {

TEST(Orientation, TurnsImagesAsPillowsExifTranspose) {
  for (int exif = 1; exif <= 8; ++exif) {
    const std::string name = "exif_" + std::to_string(exif);
    EXPECT_EQ(apply_orientation(rgb_fixture(name + ".jpg"), exif), rgb_fixture(name + "_upright.png")) << exif;
  }
}

TEST(Orientation, TurnsLabelsWithTheirImage) {
  Image image(3, 5);
  LabelMap labels(3, 5);
  for (std::size_t i = 0; i < labels.values.size(); ++i) {
    labels.values[i] = static_cast<std::uint16_t>(i + 1);
    image.pixels[3 * i] = static_cast<std::uint8_t>(i + 1);
  }
  for (int exif = 1; exif <= 8; ++exif) {
    const Image turned = apply_orientation(image, exif);
    const LabelMap map = apply_orientation(labels, exif);
    ASSERT_EQ(turned.height, map.height);
    ASSERT_EQ(map.height, swaps_sides(exif) ? 5 : 3);
    for (std::size_t i = 0; i < map.values.size(); ++i) {
      EXPECT_EQ(turned.pixels[3 * i], map.values[i]) << exif;
    }
  }
}

TEST(Orientation, RefusesAValueThatExifDoesNotHave) {
  EXPECT_THROW((void)apply_orientation(Image(2, 2), 0), InvariantError);
  EXPECT_THROW((void)apply_orientation(LabelMap(2, 2), 9), InvariantError);
}

}  // namespace
}  // namespace muster::image
