#include "pack/panoptic_source.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "data/manifest.hpp"
#include "data/mask_codec.hpp"
#include "pack/pack.hpp"
#include "pack/panoptic_sources.hpp"

namespace muster::pack {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing_support::message_of;
using testing_support::PanopticSources;
using testing_support::put;
using testing_support::scan_alone;

// Left half 70000, right half 5, the first row void.
std::uint32_t two_halves(int y, int x) {
  return y == 0 ? 0 : x < 3 ? 70000 : 5;
}
constexpr const char* kTwoHalves = R"({"id": 5, "category_id": 3, "iscrowd": 1, "area": 9, "bbox": [3, 1, 3, 3]},
                                      {"id": 70000, "category_id": 90, "iscrowd": 0, "area": 9, "bbox": [0, 1, 3, 3]})";

std::vector<std::string> problems(const Listing& listing) {
  std::vector<std::string> texts;
  for (const SourceProblem& problem : listing.problems) {
    texts.push_back(problem.text);
  }
  return texts;
}

TEST(PanopticSource, GivesLocalSegmentsInTheOrderOfTheAnnotation) {
  PanopticSources sources;
  sources.add("a", 4, 6, two_halves, kTwoHalves);
  const auto source = sources.source();
  const Listing listing = source->list(scan_alone);
  EXPECT_THAT(problems(listing), IsEmpty());
  ASSERT_EQ(listing.samples.size(), 1U);
  EXPECT_EQ(listing.samples[0].image.key, "a.jpg");
  EXPECT_EQ(listing.samples[0].mask->key, "a.png");
  EXPECT_THAT(source->classes().ids, ElementsAre(3, 7, 90));
  EXPECT_THAT(source->classes().isthing, ElementsAre(1, 0, 0));
  EXPECT_EQ(source->classes().colors[0], (std::array<std::uint8_t, 3>{255, 0, 0}));
  const EncodedTarget target = source->encode(listing.samples[0], 4, 6);
  const image::LabelMap map = data::decode_segment_mask(target.mask, target.codec, target.dtype, 4, 6, 2, "a");
  EXPECT_EQ(map, testing_support::labels(4, 6, [](int y, int x) { return y == 0 ? 0 : x < 3 ? 2 : 1; }));
  ASSERT_EQ(target.segments.size(), 2U);
  EXPECT_EQ(target.segments[0], (data::Segment{.original_id = 5, .class_index = 0, .iscrowd = 1, .area = 9, .bbox = {3, 1, 3, 3}}));
  EXPECT_EQ(target.segments[1], (data::Segment{.original_id = 70000, .class_index = 2, .iscrowd = 0, .area = 9, .bbox = {0, 1, 3, 3}}));
  EXPECT_EQ(target.histogram, (std::vector<data::ClassPixels>{{.class_index = 0, .pixels = 9}, {.class_index = 2, .pixels = 9}}));
  EXPECT_EQ(source->inspect(listing.samples[0], 4, 6), target.histogram);
  EXPECT_TRUE(source->has_masks());
}

TEST(PanopticSource, Takes300SegmentsInSixteenBits) {
  PanopticSources sources;
  std::string segments;
  for (int id = 1; id <= 300; ++id) {
    segments += fmt::format("{}{{\"id\": {}, \"category_id\": 3}}", id == 1 ? "" : ", ", id);
  }
  sources.add(
      "many", 20, 20, [](int y, int x) { return y < 15 ? static_cast<std::uint32_t>(20 * y + x + 1) : 0; }, segments);
  const auto source = sources.source();
  const Listing listing = source->list(scan_alone);
  const EncodedTarget target = source->encode(listing.samples.at(0), 20, 20);
  EXPECT_EQ(target.dtype, 2);
  EXPECT_EQ(target.segments.size(), 300U);
  const image::LabelMap map = data::decode_segment_mask(target.mask, target.codec, 2, 20, 20, 300, "many");
  EXPECT_EQ(map.row(14)[19], 300);
  EXPECT_EQ(map.row(15)[0], 0);
}

TEST(PanopticSource, LeavesSegmentsWithoutPixelsOut) {
  PanopticSources sources;
  sources.add("a", 4, 6, two_halves, R"({"id": 99, "category_id": 7, "area": 3, "bbox": [0, 0, 1, 3]}, )" + std::string(kTwoHalves));
  const auto source = sources.source();
  const Listing listing = source->list(scan_alone);
  const EncodedTarget target = source->encode(listing.samples.at(0), 4, 6);
  EXPECT_EQ(target.segments.size(), 2U);
  EXPECT_EQ(data::decode_segment_mask(target.mask, target.codec, 1, 4, 6, 2, "a").row(1)[5], 1);
}

TEST(PanopticSource, NamesTheColoursThatNoSegmentHas) {
  PanopticSources sources;
  sources.add("a", 4, 6, two_halves, R"({"id": 5, "category_id": 3})");
  const auto source = sources.source();
  const Listing listing = source->list(scan_alone);
  try {
    (void)source->encode(listing.samples.at(0), 4, 6);
    FAIL() << "was taken";
  } catch (const UndeclaredValueError& error) {
    EXPECT_THAT(error.what(), HasSubstr("a.png: segment id 70000 in 9 pixels, which "));
    EXPECT_THAT(error.what(), HasSubstr("panoptic.json does not name for this image"));
    ASSERT_EQ(error.values().size(), 1U);
    EXPECT_EQ(error.values()[0].value, "70000");
    EXPECT_EQ(error.values()[0].pixels, 9U);
  }
}

TEST(PanopticSource, WantsMasksOfEightBitColour) {
  PanopticSources sources;
  sources.add("a", 4, 6, two_halves, kTwoHalves);
  put(sources.masks() / "a.png", image::encode_png_labels(testing_support::labels(4, 6, [](int, int) { return 5; }), 8));
  const auto source = sources.source();
  const Listing listing = source->list(scan_alone);
  EXPECT_THAT(message_of<DataError>([&] { (void)source->encode(listing.samples.at(0), 4, 6); }),
              HasSubstr("a.png: 1 channels of 8 bits; wanted is a PNG of 8-bit RGB"));
  sources.add("b", 4, 6, two_halves, kTwoHalves);
  const auto again = sources.source();
  const Listing both = again->list(scan_alone);
  EXPECT_THAT(message_of<DataError>([&] { (void)again->encode(both.samples.at(1), 5, 6); }), HasSubstr("6 x 4 now, 6 x 5 when"));
}

TEST(PanopticSource, FindsFilesByNameByStemAndWithoutFolders) {
  PanopticSources sources;
  sources.add("sub/deep", 4, 6, two_halves, kTwoHalves);
  sources.add("png_now", 4, 6, two_halves, kTwoHalves);
  sources.add("listed", 4, 6, two_halves, kTwoHalves);
  std::filesystem::rename(sources.images() / "png_now.jpg", sources.images() / "png_now.jpeg");
  sources.images_json()[2] = R"({"id": 102, "file_name": "val2017/listed.jpg"})";
  sources.annotations_json()[2] = fmt::format(R"({{"image_id": 102, "file_name": "x/listed.png", "segments_info": [{}]}})", kTwoHalves);
  sources.add("no_image_entry", 4, 6, two_halves, kTwoHalves);
  sources.images_json().pop_back();  // then the annotation's own file name tells
  const auto source = sources.source();
  const Listing listing = source->list(scan_alone);
  EXPECT_THAT(problems(listing), IsEmpty());
  std::vector<std::string> keys;
  for (const SourceSample& sample : listing.samples) {
    keys.push_back(sample.image.key + " " + sample.mask->key);
    EXPECT_EQ(source->encode(sample, 4, 6).segments.size(), 2U);
  }
  EXPECT_THAT(keys, ElementsAre("listed.jpg listed.png", "no_image_entry.jpg no_image_entry.png", "png_now.jpeg png_now.png",
                                "sub/deep.jpg sub/deep.png"));
}

TEST(PanopticSource, TellsWhatCannotBePaired) {
  PanopticSources sources;
  sources.add("fine", 4, 6, two_halves, kTwoHalves);
  sources.add("twice", 4, 6, two_halves, kTwoHalves);
  sources.annotate("twice.jpg", "twice.png", kTwoHalves, 4, 6);
  sources.add("maskless", 4, 6, two_halves, kTwoHalves);
  std::filesystem::remove(sources.masks() / "maskless.png");
  sources.add("double", 4, 6, two_halves, R"({"id": 5, "category_id": 3}, {"id": 5, "category_id": 90})");
  sources.add("stranger", 4, 6, two_halves, R"({"id": 5, "category_id": 4}, {"id": 70000, "category_id": 3})");
  sources.add("rival", 4, 6, two_halves, kTwoHalves);
  std::filesystem::rename(sources.images() / "rival.jpg", sources.images() / "rival.png");
  std::filesystem::copy(sources.images() / "rival.png", sources.images() / "rival.webp");
  sources.annotate("gone.jpg", "gone.png", kTwoHalves, 4, 6);
  put(sources.images() / "alone.jpg", "never opened");
  const auto source = sources.source();
  const Listing listing = source->list(scan_alone);
  EXPECT_THAT(problems(listing),
              ElementsAre(HasSubstr("double.jpg: annotation 4 of "), HasSubstr("maskless.jpg: its mask maskless.png is not in "),
                          HasSubstr("rival.jpg of "), HasSubstr("rival.jpg of "), HasSubstr("stranger.jpg: annotation 5 of "),
                          HasSubstr("twice.jpg: annotations 1 and 2 of ")));
  EXPECT_THAT(listing.problems[0].text, HasSubstr("segment id 5 is given twice"));
  EXPECT_THAT(listing.problems[4].text, HasSubstr("segment 5 has the category 4, which categories does not have"));
  EXPECT_FALSE(listing.problems[5].can_skip);
  EXPECT_TRUE(listing.problems[1].can_skip);
  EXPECT_EQ(listing.samples.size(), 1U);
  EXPECT_EQ(listing.images, 8U);
  EXPECT_EQ(listing.targets_without_image, 1U);
  EXPECT_THAT(source->remarks({}), ElementsAre(HasSubstr("1 images in ")));
}

TEST(PanopticSource, RefusesAnnotationsOfOtherImagesAndBadCategories) {
  PanopticSources sources;
  sources.add("a", 4, 6, two_halves, kTwoHalves);
  std::filesystem::rename(sources.images() / "a.jpg", sources.images() / "b.jpg");
  const auto source = sources.source();
  EXPECT_THAT(message_of<DataError>([&] { (void)source->list(scan_alone); }), HasSubstr("names none of the 1 images"));
  sources.set_categories(R"({"id": 3, "name": "car", "isthing": 1}, {"id": 3, "name": "cart", "isthing": 1})");
  EXPECT_THAT(message_of<DataError>([&] { (void)sources.source(); }), HasSubstr("panoptic.json: categories: "));
  sources.set_categories(R"({"id": 70000, "name": "car", "isthing": 1})");
  EXPECT_THAT(message_of<DataError>([&] { (void)sources.source(); }), HasSubstr("70000"));
  sources.set_categories("");
  EXPECT_THAT(message_of<DataError>([&] { (void)sources.source(); }), HasSubstr("no categories"));
  std::vector<std::string> notices;
  EXPECT_THAT(message_of<ConfigError>(
                  [&] { (void)make_panoptic_source({}, "val", {.images = "i", .masks = "m", .annotations = {}, .csv = {}}, notices); }),
              HasSubstr("split val: annotations is not given"));
}

TEST(PanopticSource, TakesMasksBelowTheImagesForNoImages) {
  PanopticSources sources;
  sources.add("a", 4, 6, two_halves, kTwoHalves);
  const PackOptions options = sources.options();
  const std::string below = sources.images() / "masks";
  std::filesystem::rename(sources.masks(), below);
  std::vector<std::string> notices;
  const auto source =
      make_panoptic_source(options, "val", {.images = options.images, .masks = below, .annotations = options.annotations, .csv = {}}, notices);
  const Listing listing = source->list(scan_alone);
  EXPECT_THAT(problems(listing), IsEmpty());
  EXPECT_EQ(listing.images, 1U);
  EXPECT_EQ(listing.samples.size(), 1U);
  EXPECT_THAT(source->remarks({}), IsEmpty());
}

TEST(PanopticSource, TakesItsClassesFromTheAnnotationsAlone) {
  PanopticSources sources;
  sources.add("a", 4, 6, two_halves, kTwoHalves);
  PackOptions options = sources.options();
  options.classes = "classes.yaml";
  EXPECT_THAT(message_of<ConfigError>([&] { pack(options); }), HasSubstr("classes=classes.yaml: the classes of task=panoptic_segmentation are"));
  options.classes.clear();
  options.data.classes = io::Value::map({{"3", "car"}});
  EXPECT_THAT(message_of<ConfigError>([&] { pack(options); }), HasSubstr("data.classes: the classes of task=panoptic_segmentation are"));
  options.data.classes = io::Value::map();
  options.data.ignore_classes = {90, 4};
  EXPECT_THAT(message_of<ConfigError>([&] { pack(options); }), HasSubstr("ignore_classes names 4, which is no category of"));
  options.data.ignore_classes = {90, 3};
  EXPECT_THAT(pack(options).notices, testing::Contains(HasSubstr("classes 3 (car), 90 (sky) are packed, as a pack keeps every class")));
  EXPECT_THAT(data::read_manifest(options.out).classes.ids, ElementsAre(3, 7, 90));
}

TEST(PanopticSource, WantsTheSameCategoriesInAllSplitsWhateverTheirColours) {
  PanopticSources sources;
  sources.add("a", 4, 6, two_halves, kTwoHalves);
  const PackOptions plain = sources.options();
  const std::string other = sources.annotations().string() + ".val.json";
  std::filesystem::copy_file(sources.annotations(), other);
  PackOptions options = plain;
  options.images = options.masks = options.annotations = "";
  options.data.train = {.images = plain.images, .masks = plain.masks, .annotations = plain.annotations};
  options.data.val = {.images = plain.images, .masks = plain.masks, .annotations = other};
  sources.set_categories(R"({"id": 7, "name": "road", "isthing": 0}, {"id": 3, "name": "car", "isthing": 0}, {"id": 90, "name": "sky", "isthing": 0})");
  (void)sources.options();
  EXPECT_THAT(message_of<ConfigError>([&] { pack(options); }),
              HasSubstr("have different categories: id 3 is the stuff \"car\" in the first and the thing \"car\" in the second"));
  sources.set_categories(R"({"id": 7, "name": "road", "isthing": 0}, {"id": 3, "name": "car", "isthing": 1, "color": [0, 9, 0]},
                            {"id": 90, "name": "sky", "isthing": 0})");
  (void)sources.options();
  EXPECT_EQ(pack(options).splits.size(), 2U);
  sources.set_categories(R"({"id": 3, "name": "car", "isthing": 1}, {"id": 90, "name": "sky", "isthing": 0})");
  (void)sources.options();
  EXPECT_THAT(message_of<ConfigError>([&] { pack(options); }), HasSubstr("id 7 is missing in the first and the stuff \"road\" in the second"));
}

// What enters plan_hash: a changed category of a segment gives another pack.
TEST(PanopticSource, DigestsWhatAnAnnotationSays) {
  PanopticSources one;
  one.add("a", 4, 6, two_halves, kTwoHalves);
  PanopticSources other;
  other.add("a", 4, 6, two_halves, R"({"id": 5, "category_id": 7, "iscrowd": 1}, {"id": 70000, "category_id": 90})");
  const auto first = one.source();
  const auto second = other.source();
  EXPECT_EQ(first->definition(), second->definition());
  EXPECT_NE(first->list(scan_alone).samples.at(0).annotation_digest, second->list(scan_alone).samples.at(0).annotation_digest);
}

// Areas and boxes are those of the pixels; where the file says otherwise it is counted.
TEST(PanopticSource, RemarksWhereTheFileDiffersFromThePixels) {
  PanopticSources sources;
  sources.add(
      "a", 4, 6, two_halves,
      R"({"id": 5, "category_id": 3, "area": 8, "bbox": [3, 1, 3, 3]}, {"id": 70000, "category_id": 90, "area": 9, "bbox": [0, 1, 3, 4]},
                 {"id": 4, "category_id": 3})");
  sources.add("b", 4, 6, two_halves, kTwoHalves);
  sources.images_json()[1] = R"({"id": 101, "file_name": "b.jpg", "height": 40, "width": 60})";
  const auto source = sources.source();
  const Listing listing = source->list(scan_alone);
  data::ShardIdentity identity;
  identity.task = "panoptic_segmentation";
  identity.classes = source->classes();
  data::IndexColumns columns = data::start_columns(data::TargetKind::kSegmentMask);
  for (const SourceSample& sample : listing.samples) {
    columns.key.push_back(sample.image.key);
    columns.height.push_back(4);
    columns.width.push_back(6);
    columns.source_height.push_back(4);
    columns.source_width.push_back(6);
    for (const data::Segment& segment : source->encode(sample, 4, 6).segments) {
      columns.segment_original_id.push_back(segment.original_id);
      columns.segment_class.push_back(segment.class_index);
      columns.segment_iscrowd.push_back(segment.iscrowd);
      columns.segment_area.push_back(segment.area);
      columns.segment_bbox.push_back(segment.bbox);
    }
    columns.segments_ptr.push_back(columns.segment_area.size());
  }
  EXPECT_THAT(
      source->remarks(columns),
      ElementsAre(
          HasSubstr("1 segments have no pixel and were left out (the first: a.jpg, segment 4)"),
          HasSubstr("1 segments have another area than the file says; the pixels count (the first: a.jpg, segment 5: 9 pixels, not 8)"),
          HasSubstr("(the first: a.jpg, segment 70000: 0 1 3 3, not 0 1 3 4)"),
          HasSubstr("1 images have another size than the file says (the first: b.jpg has 6 x 4 pixels, not 60 x 40)")));
  columns.height = columns.source_height = {2, 2};  // made smaller while packing: nothing to compare
  columns.source_height = {4, 4};
  EXPECT_EQ(source->remarks(columns).size(), 1U);
}

}  // namespace
}  // namespace muster::pack
