// What the tasks other than semantic segmentation store: written, joined, read back, and refused where it does not fit together.
#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "core/hash.hpp"
#include "data/mask_codec.hpp"
#include "data/segment_measure.hpp"
#include "data/shard_file.hpp"
#include "data/tiny_dataset.hpp"

namespace muster::data {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

ShardIdentity identity_for(const std::string& task, bool multi_label = false) {
  ShardIdentity identity = tiny_identity(0);
  identity.task = task;
  identity.multi_label = multi_label;
  if (task == "pretrain") {
    identity.classes = {};
  }
  return identity;
}

// The image of tiny_sample(id) without its mask.
SampleRecord bare_record(std::uint32_t id) {
  SampleRecord record = tiny_record(id);
  record.mask.clear();
  record.mask_codec = image::Codec::kNone;
  record.histogram.clear();
  return record;
}

// A map whose first `count` pixels are segments 1, 2, ... and whose others are void.
image::LabelMap one_pixel_each(int height, int width, std::uint16_t count) {
  image::LabelMap map(height, width);
  for (std::uint16_t k = 0; k < count; ++k) {
    map.values[k] = static_cast<std::uint16_t>(k + 1);
  }
  return map;
}

SampleRecord panoptic_record(std::uint32_t id, const image::LabelMap& map, std::size_t count) {
  SampleRecord record = bare_record(id);
  record.segments.resize(count);
  std::vector<std::uint32_t> pixels(3);
  measure_segments(map, record.segments);
  for (std::size_t k = 0; k < count; ++k) {
    record.segments[k].original_id = static_cast<std::uint32_t>(1000 + 7 * k);
    record.segments[k].class_index = static_cast<std::int32_t>(k % 3);
    record.segments[k].iscrowd = k == 1;
    pixels[k % 3] += record.segments[k].area;
  }
  for (std::uint16_t c = 0; c < 3; ++c) {
    if (pixels[c] > 0) {
      record.histogram.push_back({.class_index = c, .pixels = pixels[c]});
    }
  }
  record.mask_dtype = count <= kMostSegments8 ? 1 : 2;
  record.mask = encode_segment_mask(map, record.mask_dtype);
  record.mask_codec = image::Codec::kZlibRaw;
  return record;
}

// Sample 0: two segments that lie apart; 1: void alone; 2: 60 segments of a pixel each.
std::vector<image::LabelMap> panoptic_maps() {
  std::vector<image::LabelMap> maps;
  for (std::uint32_t id = 0; id < 3; ++id) {
    const image::LabelMap& size = tiny_sample(id).target;
    maps.push_back(one_pixel_each(size.height, size.width, id == 2 ? 60 : 0));
  }
  maps[0].row(2)[3] = maps[0].row(2)[4] = maps[0].row(5)[1] = 1;
  maps[0].row(7)[8] = 2;
  return maps;
}

std::vector<SampleRecord> panoptic_records() {
  const std::vector<image::LabelMap> maps = panoptic_maps();
  return {panoptic_record(0, maps[0], 2), panoptic_record(1, maps[1], 0), panoptic_record(2, maps[2], 60)};
}

TEST(PanopticShard, GivesBackMasksAndSegmentsOverTheBordersOfShards) {
  const testing_support::TemporaryFolder folder;
  std::vector<SampleRecord> records = panoptic_records();
  const std::vector<SampleRecord> wanted = records;
  const std::vector<image::LabelMap> maps = panoptic_maps();
  pack_shards(folder.path(), {{records[0], records[1]}, {records[2]}}, identity_for("panoptic_segmentation"));
  const Dataset dataset = Dataset::open(folder.path());
  const ShardReader reader = dataset.split("train");
  ASSERT_EQ(reader.size(), 3U);
  EXPECT_EQ(reader.target(), TargetKind::kSegmentMask);
  for (std::uint32_t id = 0; id < 3; ++id) {
    SCOPED_TRACE(id);
    const EncodedSample encoded = reader.read(id);
    EXPECT_EQ(encoded.kind, TargetKind::kSegmentMask);
    EXPECT_EQ(encoded.segments, wanted[id].segments);
    const Sample sample = decode(encoded);
    EXPECT_EQ(sample.target, maps[id]);
    EXPECT_EQ(sample.segments, wanted[id].segments);
    EXPECT_EQ(sample.image, tiny_sample(id).image);
    EXPECT_EQ(reader.class_histogram(id), wanted[id].histogram);
  }
  EXPECT_EQ(wanted[0].segments[0].bbox, (std::array<std::int32_t, 4>{1, 2, 4, 4}));
  EXPECT_EQ(wanted[0].segments[0].area, 3U);
}

TEST(PanopticShard, JoinsTheSegmentsOfItsShards) {
  const testing_support::TemporaryFolder folder;
  std::vector<SampleRecord> records = panoptic_records();
  pack_shards(folder.path(), {{records[0], records[1]}, {records[2]}}, identity_for("panoptic_segmentation"));
  const IndexColumns index = read_columns(folder / "index-train.h5");
  EXPECT_THAT(index.segments_ptr, ElementsAre(0, 2, 2, 62));
  EXPECT_EQ(segments_of(index, 2), records[2].segments);
  EXPECT_THAT(segments_of(index, 1), IsEmpty());
  EXPECT_THAT(index.label, IsEmpty());
  EXPECT_THAT(index.labels_ptr, IsEmpty());
  SplitStatistics statistics;
  count_classes(index, TargetKind::kSegmentMask, 3, statistics);
  EXPECT_THAT(statistics.class_segments, ElementsAre(1 + 20, 1 + 20, 20));
  EXPECT_THAT(statistics.class_images, ElementsAre(2, 2, 1));
  EXPECT_THAT(statistics.class_pixels, ElementsAre(3 + 20, 1 + 20, 20));
}

// 255 is void in masks of classes, but a segment like any other here; 256 segments take 16 bits.
TEST(PanopticShard, Stores255SegmentsIn8BitsAndMoreIn16) {
  for (const std::uint16_t count : {std::uint16_t{255}, std::uint16_t{256}, std::uint16_t{300}}) {
    SCOPED_TRACE(count);
    const image::LabelMap map = one_pixel_each(20, 20, count);
    const std::vector<std::byte> bytes = encode_segment_mask(map, count <= 255 ? 1 : 2);
    EXPECT_EQ(decode_segment_mask(bytes, image::Codec::kZlibRaw, count <= 255 ? 1 : 2, 20, 20, count, "m"), map);
    EXPECT_THROW((void)decode_segment_mask(bytes, image::Codec::kZlibRaw, count <= 255 ? 1 : 2, 20, 20, count - 1U, "m"), DataError);
  }
  EXPECT_THROW((void)encode_segment_mask(one_pixel_each(20, 20, 256), 1), InvariantError);
}

TEST(LabelShard, GivesBackOneLabelPerImageAlsoNone) {
  const testing_support::TemporaryFolder folder;
  std::vector<SampleRecord> records;
  for (std::uint32_t id = 0; id < 4; ++id) {
    records.push_back(bare_record(id));
    records.back().label = static_cast<std::int32_t>(id) - 1;
  }
  const Manifest manifest =
      pack_shards(folder.path(), {{records[0], records[1], records[2]}, {records[3]}}, identity_for("image_classification"));
  EXPECT_EQ(manifest.ignore_index(), -1);
  const ShardReader reader = Dataset::open(folder.path()).split("train");
  for (std::uint32_t id = 0; id < 4; ++id) {
    const Sample sample = decode(reader.read(id));
    EXPECT_EQ(sample.label, static_cast<std::int32_t>(id) - 1);
    EXPECT_THAT(sample.target.values, IsEmpty());
    EXPECT_EQ(reader.target(), TargetKind::kLabel);
  }
  const IndexColumns index = read_columns(folder / "index-train.h5");
  EXPECT_THAT(index.label, ElementsAre(-1, 0, 1, 2));
  SplitStatistics statistics;
  count_classes(index, TargetKind::kLabel, 3, statistics);
  EXPECT_THAT(statistics.class_images, ElementsAre(1, 1, 1));
  EXPECT_THAT(statistics.class_pixels, IsEmpty());
}

TEST(LabelShard, GivesBackSeveralLabelsPerImage) {
  const testing_support::TemporaryFolder folder;
  std::vector<SampleRecord> records;
  const std::vector<std::vector<std::int32_t>> labels = {{0, 2}, {}, {1}, {0, 1, 2}};
  for (std::uint32_t id = 0; id < 4; ++id) {
    records.push_back(bare_record(id));
    records.back().labels = labels[id];
  }
  pack_shards(folder.path(), {{records[0], records[1]}, {records[2], records[3]}}, identity_for("image_classification", true));
  const Dataset dataset = Dataset::open(folder.path());
  EXPECT_TRUE(dataset.manifest().multi_label);
  const ShardReader reader = dataset.split("train");
  for (std::uint32_t id = 0; id < 4; ++id) {
    EXPECT_EQ(decode(reader.read(id)).labels, labels[id]);
    EXPECT_EQ(reader.labels(id), labels[id]);
  }
  const IndexColumns index = read_columns(folder / "index-train.h5");
  EXPECT_THAT(index.labels_ptr, ElementsAre(0, 2, 2, 3, 6));
  EXPECT_THAT(index.labels, ElementsAre(0, 2, 1, 0, 1, 2));
  EXPECT_THAT(index.label, IsEmpty());
}

TEST(BareShard, HoldsImagesAloneAndNoClasses) {
  const testing_support::TemporaryFolder folder;
  pack_shards(folder.path(), {{bare_record(0)}, {bare_record(1)}}, identity_for("pretrain"));
  const Dataset dataset = Dataset::open(folder.path());
  EXPECT_EQ(dataset.classes().size(), 0U);
  EXPECT_EQ(dataset.manifest().target(), TargetKind::kNone);
  const Sample sample = decode(dataset.split("train").read(1));
  EXPECT_EQ(sample.image, tiny_sample(1).image);
  EXPECT_THAT(sample.target.values, IsEmpty());
}

// A shard all of whose samples were skipped has the columns of its task, and joins with the others.
TEST(LabelShard, MayBeEmpty) {
  const testing_support::TemporaryFolder folder;
  SampleRecord record = bare_record(0);
  record.labels = {1};
  pack_shards(folder.path(), {{}, {record}, {}}, identity_for("image_classification", true));
  EXPECT_THAT(read_columns(folder / "index-train.h5").labels, ElementsAre(1));
  EXPECT_THAT(read_columns(folder / "train-00000.h5").labels_ptr, ElementsAre(0));
}

// --- fingerprints, by hand ---------------------------------------------------------------------------------------------------

void put_u32(std::string& bytes, std::uint32_t value) {
  bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
}

TEST(IndexColumns, FingerprintTakesTheTargetOfEachTask) {
  IndexColumns c;
  c.key = {"a", "b"};
  c.image_size = {10, 20};
  c.image_crc32 = {11, 21};
  c.mask_crc32 = {12, 22};
  const auto by_hand = [](const std::vector<std::vector<std::uint32_t>>& numbers) {
    std::string bytes;
    for (std::size_t i = 0; i < 2; ++i) {
      bytes += i == 0 ? 'a' : 'b';
      bytes += '\0';
      for (const std::uint32_t number : numbers[i]) {
        put_u32(bytes, number);
      }
    }
    return xxh3_128_hex(bytes);
  };
  const auto crc_of = [](const std::vector<std::uint32_t>& words) { return crc32_of(std::as_bytes(std::span(words))); };
  EXPECT_EQ(fingerprint(c), by_hand({{10, 11, 12}, {20, 21, 22}}));
  IndexColumns one = c;
  one.label = {-1, 2};
  EXPECT_EQ(fingerprint(one), by_hand({{10, 11, 0xffffffff}, {20, 21, 2}}));
  IndexColumns several = c;
  several.labels_ptr = {0, 2, 2};
  several.labels = {0, 5};
  EXPECT_EQ(fingerprint(several), by_hand({{10, 11, crc_of({0, 5})}, {20, 21, crc_of({})}}));
  IndexColumns panoptic = c;
  panoptic.segments_ptr = {0, 0, 1};
  panoptic.segment_original_id = {99};
  panoptic.segment_class = {3};
  panoptic.segment_iscrowd = {1};
  panoptic.segment_area = {6};
  panoptic.segment_bbox = {{1, 2, 3, 4}};
  EXPECT_EQ(fingerprint(panoptic), by_hand({{10, 11, 12, crc_of({})}, {20, 21, 22, crc_of({99, 3, 1, 6, 1, 2, 3, 4})}}));
}

// --- what does not fit together ---------------------------------------------------------------------------------------------

struct Damage {
  const char* says;  // part of the message
  std::function<void(IndexColumns&)> apply;
};

void expect_refused(const IndexColumns& good, TargetKind kind, const std::vector<Damage>& damages) {
  EXPECT_NO_THROW(check_columns(good, kind, 3, 0, "x.h5"));
  for (const Damage& damage : damages) {
    SCOPED_TRACE(damage.says);
    IndexColumns bad = good;
    damage.apply(bad);
    try {
      check_columns(bad, kind, 3, 0, "x.h5");
      ADD_FAILURE() << "was taken";
    } catch (const DataError& error) {
      EXPECT_THAT(error.what(), HasSubstr(damage.says));
      EXPECT_THAT(error.what(), HasSubstr("x.h5"));
    }
  }
}

TEST(IndexColumns, OfSegmentsAreCheckedBeforeUse) {
  const testing_support::TemporaryFolder folder;
  pack_shards(folder.path(), {panoptic_records()}, identity_for("panoptic_segmentation"));
  expect_refused(read_columns(folder / "index-train.h5"), TargetKind::kSegmentMask,
                 {{"/segments/ptr has 3 entries", [](IndexColumns& c) { c.segments_ptr.pop_back(); }},
                  {"/segments/ptr runs from 1 to 62", [](IndexColumns& c) { c.segments_ptr[0] = 1; }},
                  {"/segments/ptr runs from 0 to 61", [](IndexColumns& c) { c.segments_ptr[3] = 61; }},
                  {"/segments/ptr falls there", [](IndexColumns& c) { c.segments_ptr[1] = 3; }},
                  {"/segments/area has 61 entries", [](IndexColumns& c) { c.segment_area.pop_back(); }},
                  {"/segments/bbox has 61 entries", [](IndexColumns& c) { c.segment_bbox.pop_back(); }},
                  {"sample 0 (folder 0/image-000.png): segment 1 has class 3", [](IndexColumns& c) { c.segment_class[1] = 3; }},
                  {"has class -1", [](IndexColumns& c) { c.segment_class[1] = -1; }},
                  {"iscrowd 2", [](IndexColumns& c) { c.segment_iscrowd[1] = 2; }},
                  {"has 0 pixels in a box of 1", [](IndexColumns& c) { c.segment_area[1] = 0; }},
                  {"has 17 pixels in a box of 16", [](IndexColumns& c) { c.segment_area[0] = 17; }},
                  {"segment 0 has the box x=-1", [](IndexColumns& c) { c.segment_bbox[0][0] = -1; }},
                  {"width=9 height=4, outside of 9 x 8", [](IndexColumns& c) { c.segment_bbox[0][2] = 9; }},
                  {"height=0", [](IndexColumns& c) { c.segment_bbox[0][3] = 0; }},
                  {"height=2147483647", [](IndexColumns& c) { c.segment_bbox[0][3] = 2147483647; }},
                  {"2 segments, more than its mask of 0 bytes", [](IndexColumns& c) { c.mask_size[0] = 0; }},
                  {"class 3 after 1 in its histogram", [](IndexColumns& c) { c.class_id[1] = 3, c.class_id[0] = 1; }},
                  {"class 0 after 0 in its histogram", [](IndexColumns& c) { c.class_id[1] = 0; }}});
}

TEST(IndexColumns, OfLabelsAreCheckedBeforeUse) {
  const testing_support::TemporaryFolder folder;
  SampleRecord record = bare_record(0);
  record.label = 2;
  pack_shards(folder.path(), {{record}}, identity_for("image_classification"));
  const IndexColumns one = read_columns(folder / "index-train.h5");
  expect_refused(one, TargetKind::kLabel,
                 {{"label 3, wanted -1 (none) to 2", [](IndexColumns& c) { c.label[0] = 3; }},
                  {"label -2", [](IndexColumns& c) { c.label[0] = -2; }},
                  {"/index/label has 0 entries", [](IndexColumns& c) { c.label.clear(); }},
                  {"/index/labels_ptr has 2 entries, wanted 0", [](IndexColumns& c) {
                     c.labels_ptr = {0, 0};
                   }}});
  IndexColumns several = one;
  several.label.clear();
  several.labels_ptr = {0, 2};
  several.labels = {0, 2};
  expect_refused(several, TargetKind::kLabels,
                 {{"label 0 after 0", [](IndexColumns& c) { c.labels[1] = 0; }},
                  {"label 3 after 0", [](IndexColumns& c) { c.labels[1] = 3; }},
                  {"/index/labels_ptr runs from 0 to 1", [](IndexColumns& c) { c.labels_ptr[1] = 1; }}});
}

TEST(IndexColumns, OfDifferentTasksAreNotJoined) {
  IndexColumns one = start_columns(TargetKind::kLabel);
  one.key = {"a.png"};
  one.label = {1};
  IndexColumns other = start_columns(TargetKind::kClassMask);
  other.key = {"b.png"};
  EXPECT_THROW(append_columns(one, other), DataError);
}

TEST(ShardWriter, RefusesTargetsOfAnotherTask) {
  ShardWriter labels(identity_for("image_classification"));
  SampleRecord record = bare_record(0);
  record.label = 3;
  EXPECT_THROW(labels.add(record), InvariantError);  // three classes
  EXPECT_THROW(labels.add(tiny_record(0)), InvariantError);
  ShardWriter panoptic(identity_for("panoptic_segmentation"));
  record = panoptic_records()[0];
  record.segments[0].bbox[2] = 100;
  EXPECT_THROW(panoptic.add(record), InvariantError);
  record = panoptic_records()[0];
  record.mask_dtype = 2;
  EXPECT_THROW(panoptic.add(record), InvariantError);
}

TEST(TargetKind, RefusesATaskThatIsNotKnown) {
  EXPECT_THROW((void)target_kind("depth_estimation", false), DataError);
  EXPECT_EQ(target_kind("pretrain", false), TargetKind::kNone);
}

TEST(SegmentMeasure, FindsAreaAndSmallestBox) {
  image::LabelMap map(4, 6);
  map.row(1)[5] = map.row(3)[2] = 2;
  map.row(0)[0] = 3;
  std::vector<Segment> segments(3);
  measure_segments(map, segments);
  EXPECT_EQ(segments[0].area, 0U);
  EXPECT_THAT(segments[0].bbox, ElementsAre(0, 0, 0, 0));
  EXPECT_EQ(segments[1].area, 2U);
  EXPECT_THAT(segments[1].bbox, ElementsAre(2, 1, 4, 3));
  EXPECT_THAT(segments[2].bbox, ElementsAre(0, 0, 1, 1));
  EXPECT_THROW(measure_segments(map, std::span(segments).first(2)), InvariantError);
}

}  // namespace
}  // namespace muster::data
