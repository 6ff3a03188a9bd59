#include "report/contact_sheet.hpp"

#include <gtest/gtest.h>

#include "core/error.hpp"

namespace muster::report {
namespace {

using image::Colour;

image::Image plain(int height, int width, Colour colour) {
  image::Image picture(height, width);
  for (std::size_t i = 0; i < picture.pixels.size(); ++i) {
    picture.pixels[i] = colour[i % 3];
  }
  return picture;
}

int count(const image::Image& picture, Colour colour) {
  int pixels = 0;
  for (std::size_t i = 0; i < picture.pixels.size(); i += 3) {
    pixels += picture.pixels[i] == colour[0] && picture.pixels[i + 1] == colour[1] && picture.pixels[i + 2] == colour[2];
  }
  return pixels;
}

constexpr Colour kRed{200, 0, 0}, kGreen{0, 200, 0}, kBlue{0, 0, 200};

ContactSheet sheet_of(int samples) {
  ContactSheet sheet{
      .titles = {"image", "truth"}, .samples = {}, .legend = {{.name = "water", .colour = kBlue}}, .cell = 40, .samples_across = 2};
  for (int i = 0; i < samples; ++i) {
    sheet.samples.push_back({.name = "tile " + std::to_string(i), .pictures = {plain(80, 80, kRed), plain(10, 20, kGreen)}});
  }
  return sheet;
}

TEST(ContactSheet, ShowsEveryPictureAtTheLargestSizeThatFitsItsCell) {
  for (const int samples : {1, 2, 3, 5}) {
    SCOPED_TRACE(samples);
    const image::Image page = draw(sheet_of(samples));
    EXPECT_EQ(count(page, kRed), samples * 40 * 40);    // scaled down
    EXPECT_EQ(count(page, kGreen), samples * 20 * 40);  // scaled up, sides 1 : 2 kept
  }
}

TEST(ContactSheet, PutsTheImageLeftOfItsTruthAndSamplesInReadingOrder) {
  ContactSheet sheet = sheet_of(3);
  sheet.samples[1].pictures[0] = plain(5, 5, {1, 2, 3});
  sheet.samples[2].pictures[0] = plain(5, 5, {4, 5, 6});
  const image::Image page = draw(sheet);
  const auto first = [&](Colour colour) {
    for (int y = 0; y < page.height; ++y) {
      for (int x = 0; x < page.width; ++x) {
        const std::uint8_t* pixel = page.row(y) + 3 * x;
        if (pixel[0] == colour[0] && pixel[1] == colour[1] && pixel[2] == colour[2]) {
          return std::pair(y, x);
        }
      }
    }
    return std::pair(-1, -1);
  };
  const auto red = first(kRed), green = first(kGreen), second = first({1, 2, 3}), third = first({4, 5, 6});
  EXPECT_GE(green.second, red.second + 40);
  EXPECT_EQ(second.first, red.first);
  EXPECT_GT(second.second, green.second + 40);
  EXPECT_GT(third.first, red.first + 40);
  EXPECT_EQ(third.second, red.second);
}

TEST(ContactSheet, ExplainsTheColoursAndBreaksALongLegendIntoLines) {
  ContactSheet sheet = sheet_of(1);
  const image::Image one = draw(sheet);
  EXPECT_EQ(count(one, kBlue), 14 * 14);
  sheet.legend.assign(12, {.name = "class with a name", .colour = kBlue});
  const image::Image many = draw(sheet);
  EXPECT_EQ(many.width, one.width);
  EXPECT_GT(many.height, one.height);
  EXPECT_EQ(count(many, kBlue), 12 * 14 * 14);
}

TEST(ContactSheet, PutsCaptionsBelowThePicturesAndTakesNoMoreRoomThanThePicturesNeed) {
  ContactSheet sheet = sheet_of(2);
  const image::Image plain_page = draw(sheet);
  sheet.samples[1].caption = "water";
  const image::Image page = draw(sheet);
  EXPECT_GT(page.height, plain_page.height);
  int dark = 0;  // ink below the pictures, which end at the last red pixel
  int last_red = 0;
  for (int y = 0; y < page.height; ++y) {
    last_red = page.row(y)[3 * 20] == kRed[0] && page.row(y)[3 * 20 + 1] == 0 ? y : last_red;
  }
  for (int y = last_red + 1; y < last_red + 24; ++y) {
    for (int x = 0; x < page.width; ++x) {
      dark += page.row(y)[3 * x] < 100;
    }
  }
  EXPECT_GT(dark, 20);
  sheet.samples[1].caption.assign(500, 'x');
  EXPECT_EQ(draw(sheet).width, page.width);

  for (ContactSheetSample& sample : sheet.samples) {
    sample.caption.clear();
    sample.pictures = {plain(10, 40, kRed), plain(10, 40, kGreen)};
  }
  EXPECT_EQ(draw(sheet).height, plain_page.height - 30);
}

TEST(ContactSheet, FitsAPictureIntoASquare) {
  EXPECT_EQ(fitted_size(100, 200, 50), std::pair(25, 50));
  EXPECT_EQ(fitted_size(2000, 1, 50), std::pair(50, 1));
  EXPECT_EQ(fitted_size(3, 3, 50), std::pair(50, 50));
}

TEST(ContactSheet, CutsANameThatIsTooLongAndSurvivesOtherAlphabets) {
  ContactSheet sheet = sheet_of(1);
  const int width = draw(sheet).width;
  sheet.samples[0].name = std::string(500, 'x') + "\xc3\xa4.jpg";
  EXPECT_EQ(draw(sheet).width, width);
}

TEST(ContactSheet, RefusesASampleWithoutItsPictures) {
  ContactSheet sheet = sheet_of(2);
  sheet.samples[1].pictures.pop_back();
  EXPECT_THROW((void)draw(sheet), InvariantError);
  EXPECT_THROW((void)draw(sheet_of(0)), InvariantError);
}

}  // namespace
}  // namespace muster::report
