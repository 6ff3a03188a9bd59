#include "pack/coco_panoptic.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "pack/sources.hpp"

namespace muster::pack {
namespace {

using testing::HasSubstr;
using testing_support::message_of;
using testing_support::put;

CocoPanoptic read(const std::string& text) {
  const muster::testing_support::TemporaryFolder folder;
  put(folder / "coco.json", text);
  return read_coco_panoptic(folder / "coco.json");
}

std::string with_segment(const std::string& segment) {
  return R"({"categories": [], "annotations": [{"image_id": 1, "segments_info": [)" + segment + "]}]}";
}

TEST(CocoPanoptic, ReadsImagesAnnotationsSegmentsAndCategories) {
  const CocoPanoptic coco = read(R"({
    "annotations": [{"segments_info": [{"id": 8345037, "category_id": 51, "iscrowd": 0, "bbox": [0, 14, 434, 374], "area": 24315},
                                       {"id": 5, "category_id": 200, "iscrowd": 1, "bbox": [1.0, 2.4, 3, 4], "area": 6.0}],
                     "file_name": "000000000009.png", "image_id": 9},
                    {"segments_info": [], "image_id": "frankfurt_000000_000294"},
                    {"segments_info": [{"id": 16777215, "category_id": 1}], "file_name": "c.png", "image_id": 11}],
    "categories": [{"supercategory": "person", "isthing": 1, "id": 51, "name": "bowl"}, {"isthing": 0, "id": 200, "name": "rug", "color": [1, 2, 3]}],
    "images": [{"license": 3, "file_name": "000000000009.jpg", "coco_url": "http://x", "height": 480, "width": 640, "id": 9}]})");
  ASSERT_EQ(coco.annotations.size(), 3U);
  ASSERT_EQ(coco.segments.size(), 3U);
  EXPECT_EQ(coco.annotations[0].image_id, "9");
  EXPECT_EQ(coco.annotations[0].file_name, "000000000009.png");
  EXPECT_EQ(coco.annotations[1].image_id, "frankfurt_000000_000294");
  EXPECT_EQ(coco.annotations[1].file_name, "");
  EXPECT_EQ(coco.segments_of(coco.annotations[0]).size(), 2U);
  EXPECT_EQ(coco.segments_of(coco.annotations[1]).size(), 0U);
  const CocoSegment& first = coco.segments_of(coco.annotations[0])[0];
  EXPECT_EQ(first.id, 8345037U);
  EXPECT_EQ(first.category_id, 51);
  EXPECT_EQ(first.area, 24315U);
  EXPECT_EQ(first.bbox, (std::array<std::int32_t, 4>{0, 14, 434, 374}));
  const CocoSegment& crowd = coco.segments_of(coco.annotations[0])[1];
  EXPECT_EQ(crowd.iscrowd, 1);
  EXPECT_EQ(crowd.area, 6U);
  EXPECT_EQ(crowd.bbox, (std::array<std::int32_t, 4>{1, 2, 3, 4}));
  const CocoSegment& last = coco.segments_of(coco.annotations[2])[0];
  EXPECT_EQ(last.id, 16777215U);
  EXPECT_EQ(last.area, 0U);
  ASSERT_EQ(coco.categories.size(), 2U);
  EXPECT_TRUE(coco.categories[0].isthing);
  EXPECT_FALSE(coco.categories[0].color);
  EXPECT_EQ(coco.categories[1].color, (std::array<std::uint8_t, 3>{1, 2, 3}));
  ASSERT_EQ(coco.images.size(), 1U);
  EXPECT_EQ(coco.images[0].height, 480);
  EXPECT_EQ(coco.images[0].id, "9");
}

TEST(CocoPanoptic, SaysWhereAndWhatIsWrong) {
  const auto message = [](const std::string& text) { return message_of<DataError>([&] { read(text); }); };
  EXPECT_THAT(message(with_segment(R"({"category_id": 1})")), HasSubstr("coco.json: annotations[0].segments_info[0]: no id"));
  EXPECT_THAT(message(with_segment(R"({"id": 0, "category_id": 1})")), HasSubstr("id is 0, wanted a whole number from 1 to 16777215"));
  EXPECT_THAT(message(with_segment(R"({"id": 16777216, "category_id": 1})")), HasSubstr("wanted a whole number from 1 to 16777215"));
  EXPECT_THAT(message(with_segment(R"({"id": 1})")), HasSubstr("no category_id"));
  EXPECT_THAT(message(with_segment(R"({"id": 1, "category_id": 1, "bbox": [1, 2]})")), HasSubstr("bbox is no list of 4 numbers"));
  EXPECT_THAT(message(with_segment(R"({"id": 1, "category_id": 1, "iscrowd": 2})")), HasSubstr("iscrowd is 2"));
  EXPECT_THAT(message(R"({"categories": [{"id": 1, "name": "a"}], "annotations": []})"), HasSubstr("categories[0]: no isthing"));
  EXPECT_THAT(message(R"({"categories": [], "annotations": [{"image_id": 1, "bbox": [1, 2, 3, 4]}]})"),
              HasSubstr("annotations[0]: no segments_info; a file of boxes or outlines is no panoptic one"));
  EXPECT_THAT(message(R"({"annotations": []})"), HasSubstr("no list of categories"));
  EXPECT_THAT(message(R"({"categories": []})"), HasSubstr("no list of annotations"));
  EXPECT_THAT(message_of<DataError>([] { (void)read_coco_panoptic("/nowhere/a.json"); }), HasSubstr("/nowhere/a.json"));
}

}  // namespace
}  // namespace muster::pack
