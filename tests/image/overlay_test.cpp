#include "image/overlay.hpp"

#include <cstdlib>

#include <gmock/gmock.h>

#include "core/error.hpp"

namespace muster::image {
namespace {

using testing::ElementsAre;

TEST(Overlay, BlendsClassesAndLeavesVoidAlone) {
  Image image(1, 3);
  image.pixels = {100, 0, 255, 10, 20, 30, 7, 8, 9};
  LabelMap labels(1, 3);
  labels.values = {1, 0, 65535};
  const std::vector<Colour> palette = {{0, 0, 0}, {200, 100, 55}};
  EXPECT_THAT(overlay(image, labels, palette, 0.6).pixels, ElementsAre(160, 60, 135, 4, 8, 12, 7, 8, 9));
  EXPECT_THAT(colour_map(labels, palette).pixels, ElementsAre(200, 100, 55, 0, 0, 0, 0, 0, 0));
}

TEST(Overlay, RefusesLabelsOfAnotherSize) {
  EXPECT_THROW((void)overlay(Image(2, 2), LabelMap(2, 3), {}, 0.5), InvariantError);
}

TEST(Palette, GivesTheFirstDozenClassesColoursFarApartAndAllOfThemDifferent) {
  const std::vector<Colour> palette = class_palette(150);
  EXPECT_EQ(class_palette(5)[3], palette[3]);
  for (std::size_t a = 0; a < palette.size(); ++a) {
    for (std::size_t b = 0; b < a; ++b) {
      int apart = 0;
      for (std::size_t c = 0; c < 3; ++c) {
        apart += std::abs(palette[a][c] - palette[b][c]);
      }
      EXPECT_GT(apart, a < 12 ? 90 : 0) << a << " and " << b;
    }
  }
}

}  // namespace
}  // namespace muster::image
