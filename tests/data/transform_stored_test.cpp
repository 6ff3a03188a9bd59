// TrainTransform on stored samples, which decodes only what a crop shows, beside the same on samples that were decoded whole.
#include <random>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "data/mask_codec.hpp"
#include "data/shard_reader.hpp"
#include "data/transform.hpp"
#include "data/transform_plan.hpp"
#include "image/encode.hpp"
#include "image/orientation.hpp"
#include "image/resize.hpp"

namespace muster::data {
namespace {

class StoredSamples {
 public:
  explicit StoredSamples(unsigned seed) : random_(seed) {}

  int between(int low, int high) { return low + static_cast<int>(random_() % static_cast<unsigned>(high - low + 1)); }

  // Waves and noise, with blocks of labels, of which every fifth is void.
  EncodedSample make(std::uint32_t id, int height, int width, int orientation, bool jpeg, int dtype) {
    const bool swapped = image::swaps_sides(orientation);
    image::Image stored(swapped ? width : height, swapped ? height : width);
    for (std::size_t i = 0; i < stored.pixels.size(); ++i) {
      stored.pixels[i] = static_cast<std::uint8_t>((i * 7 / 3 + i / 97 * 11) % 200 + random_() % 40);
    }
    EncodedSample out;
    out.id = id;
    out.key = fmt::format("{}.jpg", id);
    out.image_codec = jpeg ? image::Codec::kJpeg : image::Codec::kPng;
    out.image = jpeg ? image::encode_jpeg(stored, 85) : image::encode_png(stored);
    out.orientation = orientation;
    out.height = height;
    out.width = width;
    image::LabelMap labels(height, width);
    const auto shift = static_cast<int>(random_() % 7);
    for (int y = 0; y < height; ++y) {
      for (int x = 0; x < width; ++x) {
        const int block = (y / 9) * 3 + x / 7 + shift;
        labels.row(y)[x] = block % 5 == 0 ? kVoidLabel : static_cast<std::uint16_t>(block % (dtype == 1 ? 254 : 1000));
      }
    }
    out.mask = encode_mask(labels, dtype);
    out.mask_codec = image::Codec::kZlibRaw;
    out.mask_dtype = dtype;
    return out;
  }

 private:
  std::mt19937 random_;
};

void expect_equal(const Sample& found, const Sample& expected) {
  EXPECT_EQ(found.id, expected.id);
  EXPECT_EQ(found.image.height, expected.image.height);
  EXPECT_EQ(found.image.width, expected.image.width);
  EXPECT_TRUE(found.image.pixels == expected.image.pixels);
  EXPECT_TRUE(found.target == expected.target);
}

// Every kind of plan: both forms of scaling, boxes, padding on each side, flips, turns, rotation, colours.
std::vector<TransformOptions> many_options() {
  std::vector<TransformOptions> all;
  const char* positions[] = {"center", "top_left", "bottom_right", "random"};
  for (int i = 0; i < 16; ++i) {
    TransformOptions o;
    o.image_size = i % 3 == 0 ? std::vector<int>{40, 64} : std::vector<int>{48, 48};
    o.scale_jitter.keep_aspect = i % 2 == 0;
    o.scale_jitter.prob = i % 4 == 3 ? 0.0 : 1.0;
    o.scale_jitter.divisible_by = i == 6 ? 16 : 0;
    o.random_resized_crop.prob = i % 5 == 1 ? 1.0 : i % 5 == 2 ? 0.5 : 0.0;
    o.smallest_max_size.max_size = i % 7 == 4 ? 50 : 0;
    o.random_crop.pad_position = positions[i % 4];
    o.random_crop.fill = 17 * (i % 3);
    o.random_flip.vertical_prob = 0.5;
    o.random_rotate_90.prob = i % 3 == 0 ? 0.0 : 0.6;
    o.random_rotate.prob = i % 4 == 1 ? 0.5 : 0.0;
    o.random_rotate.degrees = 40;
    o.color_jitter.prob = 0.3;
    all.push_back(o);
  }
  return all;
}

TEST(TrainTransform, GivesTheSameBytesForAStoredSampleAsForTheDecodedOne) {
  StoredSamples samples(1);
  std::uint32_t id = 0;
  for (const TransformOptions& options : many_options()) {
    const TrainTransform transform(options);
    for (int orientation = 1; orientation <= 8; ++orientation) {
      for (const bool jpeg : {true, true, false}) {
        const EncodedSample stored =
            samples.make(id++, samples.between(20, 150), samples.between(20, 150), orientation, jpeg, 1 + orientation % 2);
        SCOPED_TRACE(fmt::format("sample {}: {} x {}, orientation {}", stored.id, stored.height, stored.width, orientation));
        expect_equal(transform(stored, "s", 3, id % 4), transform(decode(stored), 3, id % 4));
        if (testing::Test::HasFailure()) {
          return;
        }
      }
    }
  }
}

TEST(TrainTransform, RetriesAlikeForBoth) {
  TransformOptions options;
  options.image_size = {24, 24};
  options.scale_jitter.prob = 0;
  std::vector<bool> learned(254, false);
  learned[7] = true;  // on few blocks
  const TrainTransform transform(options, learned);
  StoredSamples samples(2);
  for (std::uint32_t id = 0; id < 40; ++id) {
    const EncodedSample stored = samples.make(id, 100, 90, 1 + static_cast<int>(id % 8), true, 1);
    const std::uint64_t before = transform.given_up();
    const Sample found = transform(stored, "s", 9, 0);
    const std::uint64_t after = transform.given_up();
    expect_equal(found, transform(decode(stored), 9, 0));
    EXPECT_EQ(transform.given_up() - after, after - before);
  }
  EXPECT_GT(transform.given_up(), 0U);
  EXPECT_LT(transform.given_up(), 80U);
}

// With nothing drawn but the box: the cut-out scaled, as torchvision's resized_crop does it, so no filter looks beyond its edge.
TEST(TrainTransform, ScalesTheDrawnBoxAlone) {
  TransformOptions options;
  options.image_size = {32, 40};
  options.random_resized_crop.prob = 1;
  options.random_flip.horizontal_prob = 0;
  options.color_jitter.prob = 0;
  const TrainTransform transform(options);
  StoredSamples samples(3);
  for (std::uint32_t id = 0; id < 20; ++id) {
    const EncodedSample stored = samples.make(id, 90, 120, 1, true, 1);
    const image::Window box = draw_plan(options, 90, 120, {.seed = 4, .epoch = 1, .sample_id = id}).source;
    const Sample whole = decode(stored);
    image::Image cut(box.height, box.width);
    image::LabelMap labels(box.height, box.width);
    for (int y = 0; y < box.height; ++y) {
      std::copy_n(whole.image.row(box.top + y) + 3 * box.left, cut.row_bytes(), cut.row(y));
      std::copy_n(whole.target.row(box.top + y) + box.left, box.width, labels.row(y));
    }
    const Sample out = transform(stored, "s", 4, 1);
    EXPECT_TRUE(out.image == image::resize_bilinear(cut, 32, 40));
    EXPECT_TRUE(out.target == image::resize_nearest(labels, 32, 40));
  }
}

TEST(TrainTransform, CarriesLabelsAndSegmentsThroughAndTakesSegmentZeroAsVoid) {
  TransformOptions options;
  options.image_size = {64, 64};
  options.scale_jitter = {.min_scale = 0.5, .max_scale = 0.5, .num_scales = 1};  // padding on all sides
  StoredSamples samples(4);
  EncodedSample stored = samples.make(5, 60, 60, 1, true, 1);
  image::LabelMap segments(60, 60, 2);
  std::fill_n(segments.values.begin(), 60 * 30, std::uint16_t{255});
  stored.mask = encode_segment_mask(segments, 1);
  stored.kind = TargetKind::kSegmentMask;
  stored.segments.resize(255);
  stored.segments[1].class_index = 3;
  const Sample out = TrainTransform(options)(stored, "s", 0, 0);
  EXPECT_EQ(out.segments, stored.segments);
  EXPECT_EQ(out.target.values.front(), 0);  // padding
  EXPECT_EQ(std::count(out.target.values.begin(), out.target.values.end(), 255), 32 * 16);
  EXPECT_EQ(std::count(out.target.values.begin(), out.target.values.end(), 2), 32 * 16);
  std::vector<bool> learned(4, false);
  learned[3] = true;  // the class of segment 2
  const TrainTransform looking(options, learned);
  (void)looking(stored, "s", 0, 0);
  EXPECT_EQ(looking.given_up(), 0U);
  stored.segments.resize(254);
  EXPECT_THROW((void)TrainTransform(options)(stored, "s", 0, 0), DataError);

  EncodedSample labelled = samples.make(6, 60, 60, 1, true, 1);
  labelled.mask.clear();
  labelled.kind = TargetKind::kLabels;
  labelled.label = 4;
  labelled.labels = {1, 4};
  const Sample picture = TrainTransform(options)(labelled, "s", 0, 0);
  EXPECT_EQ(picture.label, 4);
  EXPECT_EQ(picture.labels, labelled.labels);
  EXPECT_TRUE(picture.target.values.empty());
}

TEST(TrainTransform, NamesTheSampleWhoseImageIsNotAsTheIndexSays) {
  TransformOptions options;
  options.image_size = {32, 32};
  StoredSamples samples(5);
  EncodedSample stored = samples.make(0, 60, 50, 6, true, 1);
  stored.orientation = 1;  // 50 x 60 as it is stored
  try {
    (void)TrainTransform(options)(stored, "train-00003.h5: sample 7 (a.jpg)", 0, 0);
    FAIL();
  } catch (const DataError& error) {
    EXPECT_NE(std::string(error.what()).find("train-00003.h5: sample 7 (a.jpg)"), std::string::npos) << error.what();
  }
  stored = samples.make(0, 60, 50, 1, true, 1);
  stored.mask.resize(stored.mask.size() / 2);
  EXPECT_THROW((void)TrainTransform(options)(stored, "s", 0, 0), DataError);
}

}  // namespace
}  // namespace muster::data
