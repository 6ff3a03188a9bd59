#include "image/tile_grid.hpp"

#include <gmock/gmock.h>

#include "core/error.hpp"

namespace muster::image {
namespace {

using testing::ElementsAre;

TEST(TileGrid, GivesASquareImageOneWindow) {
  const TileGrid grid = plan_tiles(300, 300, 512, 512);
  EXPECT_EQ(grid.height, 512);
  EXPECT_EQ(grid.width, 512);
  EXPECT_THAT(grid.windows, ElementsAre(Window{0, 0, 512, 512}));
}

// Cityscapes, as EoMT evaluates it: two windows side by side, nothing resized.
TEST(TileGrid, CutsCityscapesIntoTwoWindowsWithoutOverlap) {
  const TileGrid grid = plan_tiles(1024, 2048, 1024, 1024);
  EXPECT_EQ(grid.width, 2048);
  EXPECT_THAT(grid.windows, ElementsAre(Window{0, 0, 1024, 1024}, Window{0, 1024, 1024, 1024}));
}

// 683 x 512 upright: two windows with overlap 2 * 512 - 683 = 341, the second at 512 - 341 = 171.
// 500 x 1300 in 512: 1331 wide, three windows, overlap (1536 - 1331) / 2 = 102.5, starts 0, trunc 409.5, 819.
TEST(TileGrid, OverlapsEvenlyAndTruncatesStarts) {
  EXPECT_THAT(plan_tiles(683, 512, 512, 512).windows, ElementsAre(Window{0, 0, 512, 512}, Window{171, 0, 512, 512}));
  const TileGrid wide = plan_tiles(500, 1300, 512, 512);
  EXPECT_EQ(wide.width, 1331);
  EXPECT_THAT(wide.windows, ElementsAre(Window{0, 0, 512, 512}, Window{0, 409, 512, 512}, Window{0, 819, 512, 512}));
}

// 15 * 0.5 = 7.5 and 17 * 0.5 = 8.5 both become 8, as Python's round().
TEST(TileGrid, RoundsHalfToEven) {
  EXPECT_EQ(plan_tiles(10, 15, 5, 5).width, 8);
  EXPECT_EQ(plan_tiles(10, 17, 5, 5).width, 8);
}

TEST(TileGrid, CoversEveryPixelAndStaysInside) {
  for (int height = 40; height < 400; height += 37) {
    for (int width = 30; width < 900; width += 41) {
      const TileGrid grid = plan_tiles(height, width, 96, 128);
      std::vector<bool> rows(static_cast<std::size_t>(grid.height)), columns(static_cast<std::size_t>(grid.width));
      for (const Window& w : grid.windows) {
        ASSERT_LE(w.top + w.height, grid.height);
        ASSERT_LE(w.left + w.width, grid.width);
        std::fill_n(rows.begin() + w.top, w.height, true);
        std::fill_n(columns.begin() + w.left, w.width, true);
      }
      EXPECT_EQ(std::count(rows.begin(), rows.end(), false), 0) << height << " x " << width;
      EXPECT_EQ(std::count(columns.begin(), columns.end(), false), 0) << height << " x " << width;
    }
  }
}

TEST(TileGrid, FitsAVeryLongImageIntoOnePaddedWindow) {
  EXPECT_EQ(plan_tiles(24, 24 * 64, 192, 192).windows.size(), 64U);
  const TileGrid grid = plan_tiles(24, 1600, 192, 192);
  EXPECT_TRUE(grid.padded);
  EXPECT_EQ(grid.width, 192);
  EXPECT_EQ(grid.height, 3);
  EXPECT_THAT(grid.windows, ElementsAre(Window{0, 0, 192, 192}));
}

}  // namespace
}  // namespace muster::image
