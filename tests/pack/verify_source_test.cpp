// What is stored against the files it was packed from, and targets against what the index says of them.
#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "data/manifest.hpp"
#include "data/mask_codec.hpp"
#include "dist/communicator.hpp"
#include "pack/pack.hpp"
#include "pack/panoptic_sources.hpp"
#include "pack/sources.hpp"
#include "pack/statistics.hpp"
#include "pack/verify.hpp"

namespace muster::pack {
namespace {

namespace fs = std::filesystem;

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing_support::PanopticSources;
using testing_support::put;
using testing_support::Sources;

VerifyReport verified(const fs::path& folder, const VerifySources& sources) {
  const std::unique_ptr<dist::Communicator> solo = dist::make_solo_communicator();
  return verify(folder, {.level = VerifyLevel::kDecode, .threads = 2, .sources = sources}, *solo);
}

std::vector<std::string> problems(const fs::path& folder, const VerifySources& sources = {}) {
  std::vector<std::string> texts;
  for (const VerifyProblem& problem : verified(folder, sources).problems) {
    texts.push_back(problem.text());
  }
  return texts;
}

// A PPM, which is stored as PNG, beside JPEGs, which are stored as they are.
class VerifySource : public testing::Test {
 protected:
  VerifySource() {
    sources_.add_many(3);
    std::string ppm = "P6\n5 4\n255\n";
    for (int i = 0; i < 60; ++i) {
      ppm += static_cast<char>(4 * i);
    }
    put(sources_.images() / "raw.ppm", ppm);
    sources_.add_mask("raw", testing_support::labels(4, 5, [](int y, int) { return y == 0 ? 0 : 7; }));
    pack(sources_.options());
  }

  Sources sources_;
};

TEST_F(VerifySource, FindsTheSourcesUnchanged) {
  EXPECT_THAT(problems(sources_.out(), {.folders = {}, .recipe = sources_.options()}), IsEmpty());
  const VerifyReport images_alone = verified(sources_.out(), {.folders = {sources_.images()}, .recipe = {}});
  EXPECT_THAT(images_alone.problems, IsEmpty());
  EXPECT_THAT(images_alone.notices, ElementsAre(HasSubstr("targets were not")));
}

TEST_F(VerifySource, NamesTheSampleWhoseSourceIsAnother) {
  const PackOptions recipe = sources_.options();
  const std::string copied = read_file(sources_.images() / "a/tile0.jpg"), raw = read_file(sources_.images() / "raw.ppm");
  put(sources_.images() / "a/tile0.jpg", copied + "x");  // decodes to the same pixels
  EXPECT_THAT(problems(sources_.out(), {.folders = {}, .recipe = recipe}),
              ElementsAre(AllOf(HasSubstr("(a/tile0.jpg)"), HasSubstr("a copy"))));
  EXPECT_THAT(problems(sources_.out(), {.folders = {sources_.images()}, .recipe = {}}), ElementsAre(HasSubstr("(a/tile0.jpg)")));
  put(sources_.images() / "a/tile0.jpg", copied);

  std::string other = raw;
  other.back() = static_cast<char>(other.back() + 1);
  put(sources_.images() / "raw.ppm", other);
  EXPECT_THAT(problems(sources_.out(), {.folders = {}, .recipe = recipe}), ElementsAre(AllOf(HasSubstr("(raw.ppm)"), HasSubstr("pixels"))));
  fs::remove(sources_.images() / "raw.ppm");
  EXPECT_THAT(problems(sources_.out(), {.folders = {}, .recipe = recipe}),
              ElementsAre(AllOf(HasSubstr("(raw.ppm)"), HasSubstr("is gone"))));
  EXPECT_THAT(problems(sources_.out(), {.folders = {sources_.images()}, .recipe = {}}), ElementsAre(HasSubstr("in none of the folders")));
}

TEST_F(VerifySource, ComparesMasksThroughTheMappingOfClasses) {
  const PackOptions recipe = sources_.options();
  sources_.add_mask("raw", testing_support::labels(4, 5, [](int y, int x) { return y == 0 && x < 3 ? 0 : 7; }));
  EXPECT_THAT(problems(sources_.out(), {.folders = {}, .recipe = recipe}),
              ElementsAre(AllOf(HasSubstr("(raw.ppm)"), HasSubstr("2 of 20 pixels"))));
  EXPECT_THAT(problems(sources_.out(), {.folders = {sources_.images()}, .recipe = {}}), IsEmpty());
}

TEST_F(VerifySource, MakesMasksOfTheSourcesAsSmallAsTheStoredOnes) {
  put(sources_.images() / "turned.jpg",
      testing_support::with_exif_orientation(image::encode_jpeg(testing_support::gradient(20, 30, 5), 90), 6));
  sources_.add_mask("turned", testing_support::labels(30, 20, [](int y, int x) { return x < 7 && y > 3 ? 0 : 7; }));
  PackOptions recipe = sources_.options("train", "smaller");
  recipe.max_side = 10;
  pack(recipe);
  EXPECT_THAT(problems(sources_.out("smaller"), {.folders = {}, .recipe = recipe}), IsEmpty());
  sources_.add_mask("turned", testing_support::labels(30, 20, [](int y, int x) { return x < 10 && y > 3 ? 0 : 7; }));
  EXPECT_THAT(problems(sources_.out("smaller"), {.folders = {}, .recipe = recipe}),
              ElementsAre(AllOf(HasSubstr("(turned.jpg)"), HasSubstr("of 70 pixels"))));
}

TEST_F(VerifySource, LooksForSharedKeysInEveryFolder) {
  const fs::path other = sources_.path() / "other";
  put(other / "a/tile0.jpg", "another split has a file of that name");
  EXPECT_THAT(problems(sources_.out(), {.folders = {other, sources_.images()}, .recipe = {}}), IsEmpty());
  EXPECT_THAT(problems(sources_.out(), {.folders = {sources_.images(), other}, .recipe = {}}), IsEmpty());
}

TEST_F(VerifySource, TakesNoRecipeOfOtherClassesAndNoQuickLevel) {
  PackOptions recipe = sources_.options();
  put(sources_.path() / "others.json", R"({"classes": {"7": "street", "0": "sky"}, "ignore_classes": [255]})");
  recipe.classes = sources_.path() / "others.json";
  EXPECT_THROW((void)problems(sources_.out(), {.folders = {}, .recipe = recipe}), ConfigError);
  const std::unique_ptr<dist::Communicator> solo = dist::make_solo_communicator();
  EXPECT_THROW(
      (void)verify(sources_.out(), {.level = VerifyLevel::kQuick, .threads = 1, .sources = {.folders = {"x"}, .recipe = {}}}, *solo),
      ConfigError);
}

TEST(VerifyPanoptic, ComparesSegmentsWithTheAnnotations) {
  PanopticSources sources;
  sources.add(
      "one", 6, 8, [](int y, int x) -> std::uint32_t { return y < 3   ? 300
                                                              : x < 4 ? 5
                                                                      : 0; },
      R"({"id": 300, "category_id": 90, "iscrowd": 0}, {"id": 5, "category_id": 3, "iscrowd": 0})");
  const PackOptions options = sources.options();
  pack(options);
  EXPECT_THAT(problems(sources.out(), {.folders = {}, .recipe = options}), IsEmpty());
  sources.annotations_json()[0].replace(sources.annotations_json()[0].find("\"category_id\": 3"), 16, "\"category_id\": 7");
  EXPECT_THAT(problems(sources.out(), {.folders = {}, .recipe = sources.options()}),
              ElementsAre(AllOf(HasSubstr("(one.jpg)"), HasSubstr("segments"))));
}

TEST(VerifyPanoptic, MakesSegmentsOfTheSourcesAsSmallAsTheStoredOnes) {
  PanopticSources sources;
  sources.add(
      "one", 24, 32, [](int y, int x) -> std::uint32_t { return y < 12   ? 300u
                                                                : x < 16 ? 5u
                                                                         : 0u; },
      R"({"id": 300, "category_id": 90, "iscrowd": 0}, {"id": 5, "category_id": 3, "iscrowd": 0})");
  PackOptions options = sources.options();
  options.max_side = 8;
  pack(options);
  EXPECT_THAT(problems(sources.out(), {.folders = {}, .recipe = options}), IsEmpty());
  put(sources.masks() / "one.png", image::encode_png(PanopticSources::colours(24, 32, [](int y, int x) -> std::uint32_t {
        return y < 4 ? 300u : x < 16 ? 5u : 0u;
      })));
  EXPECT_THAT(problems(sources.out(), {.folders = {}, .recipe = options}),
              ElementsAre(AllOf(HasSubstr("(one.jpg)"), HasSubstr("of 48 pixels"))));
}

// --- sets that a wrong packer wrote: the checksums are right, the numbers are not ---

class WrongPacker {
 public:
  explicit WrongPacker(const std::string& task) {
    identity_.task = task;
    identity_.split = "train";
    identity_.plan_hash = "p";
    identity_.producer = "test";
    identity_.classes = data::make_class_list({{0, "sky"}, {7, "road"}});
  }

  // One image of 4 x 6; `change` makes its record wrong.
  std::vector<std::string> problems_with(const std::function<void(data::SampleRecord&)>& change) {
    const image::Image image = testing_support::gradient(4, 6, 10);
    data::SampleRecord record{.key = "a.png",
                              .image = image::encode_png(image),
                              .image_codec = image::Codec::kPng,
                              .height = 4,
                              .width = 6,
                              .source_height = 4,
                              .source_width = 6,
                              .mask = {},
                              .histogram = {{.class_index = 0, .pixels = 12}, {.class_index = 1, .pixels = 12}}};
    const bool panoptic = identity_.target() == data::TargetKind::kSegmentMask;
    const image::LabelMap map = testing_support::labels(4, 6, [panoptic](int, int x) { return (x < 3 ? 0 : 1) + (panoptic ? 1 : 0); });
    record.mask = panoptic ? data::encode_segment_mask(map, 1) : data::encode_mask(map, 1);
    record.mask_codec = image::Codec::kZlibRaw;
    if (panoptic) {
      record.segments = {{.original_id = 5, .class_index = 0, .area = 12, .bbox = {0, 0, 3, 4}},
                         {.original_id = 6, .class_index = 1, .area = 12, .bbox = {3, 0, 3, 4}}};
    }
    change(record);
    data::ShardWriter writer(identity_);
    writer.add(std::move(record));
    data::ManifestSplit split;
    split.shards = {writer.finish(folder_.path())};
    split.num_samples = data::link_shards(split.shards);
    split.plan_hash = identity_.plan_hash;
    const data::SplitIndex index = data::write_split_index(folder_.path(), identity_, split.shards);
    split.index = index.file;
    split.fingerprint = index.fingerprint;
    split.statistics = split_statistics(index.columns, pixel_sums(image), identity_.target(), identity_.classes.size());
    data::Manifest manifest;
    manifest.task = identity_.task;
    manifest.classes = identity_.classes;
    manifest.splits["train"] = split;
    data::write_manifest(folder_.path(), manifest);
    return problems(folder_.path());
  }

 private:
  muster::testing_support::TemporaryFolder folder_;
  data::ShardIdentity identity_;
};

TEST(VerifyTargets, FindsClassHistogramsAndSizesThatAreNotThoseOfTheFiles) {
  WrongPacker packer("semantic_segmentation");
  EXPECT_THAT(packer.problems_with([](data::SampleRecord&) {}), IsEmpty());
  EXPECT_THAT(packer.problems_with([](data::SampleRecord& r) { r.histogram[0].pixels = 11; }),
              ElementsAre(HasSubstr("class index 0 does not have")));
  EXPECT_THAT(packer.problems_with([](data::SampleRecord& r) { r.histogram.pop_back(); }), ElementsAre(HasSubstr("does not list")));
  EXPECT_THAT(packer.problems_with([](data::SampleRecord& r) { r.mask = data::encode_mask(image::LabelMap(4, 6, 9), 1); }),
              ElementsAre(HasSubstr("holds the index 9, but there are 2 classes")));
  EXPECT_THAT(packer.problems_with([](data::SampleRecord& r) { r.source_width = 5; }),
              ElementsAre(HasSubstr("6 x 4, the index says 5 x 4")));
  EXPECT_THAT(packer.problems_with([](data::SampleRecord& r) { r.orientation = 6; }), ElementsAre(HasSubstr("the upright image is 4 x 6")));
  EXPECT_THAT(packer.problems_with([](data::SampleRecord& r) { r.image_codec = image::Codec::kJpeg; }), ElementsAre(HasSubstr("codec")));
  EXPECT_THAT(packer.problems_with([](data::SampleRecord& r) { r.channels = 1; }), ElementsAre(HasSubstr("channels")));
}

TEST(VerifyTargets, FindsSegmentsThatAreNotInTheMask) {
  WrongPacker packer("panoptic_segmentation");
  EXPECT_THAT(packer.problems_with([](data::SampleRecord&) {}), IsEmpty());
  EXPECT_THAT(packer.problems_with([](data::SampleRecord& r) { r.segments[1].area = 11; }),
              Contains(AllOf(HasSubstr("segment 6"), HasSubstr("12 pixels"))));
  EXPECT_THAT(packer.problems_with([](data::SampleRecord& r) {
    r.segments[0].bbox = {1, 0, 3, 4};
  }),
              Contains(AllOf(HasSubstr("segment 5"), HasSubstr("[0, 0, 3, 4]"))));
  EXPECT_THAT(packer.problems_with([](data::SampleRecord& r) { r.segments[0].class_index = 1; }),
              Contains(HasSubstr("class index 0 does not have")));
}

}  // namespace
}  // namespace muster::pack
