#include "pack/preflight_report.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "dist/thread_ranks.hpp"
#include "pack/pack.hpp"
#include "pack/panoptic_sources.hpp"
#include "pack/sources.hpp"

namespace muster::pack {
namespace {

namespace fs = std::filesystem;

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing_support::gradient;
using testing_support::labels;
using testing_support::message_of;
using testing_support::put;
using testing_support::Sources;

// One of everything that the report counts.
class Preflight : public testing::Test {
 protected:
  Preflight() {
    sources_.add_many(6);  // a/tile0 2 4, b/tile1 3 5
    fs::remove(sources_.masks() / "a/tile0.png");
    sources_.add_mask("b/tile1", labels(5, 6, [](int, int) { return 0; }));
    put(sources_.images() / "a/tile2.jpg", std::string_view("not an image"));
    sources_.add_mask("b/tile3", labels(16, 24, [](int y, int) { return y == 0 ? 9 : 0; }));
    sources_.add_mask("a/tile4", labels(17, 24, [](int y, int x) { return y < 2 ? 9 : x == 0 ? 44 : 7; }));
    fs::copy_file(sources_.images() / "b/tile5.jpg", sources_.images() / "same.jpg");
    fs::copy_file(sources_.masks() / "b/tile5.png", sources_.masks() / "same.png");
    sources_.add_mask("lonely", labels(4, 4, [](int, int) { return 0; }));
    put(sources_.images() / "notes.txt", std::string_view("x"));
  }

  PreflightReport report(int ranks = 1) {
    PreflightReport result;
    dist::run_thread_ranks(ranks, [&](dist::Communicator& world) {
      PreflightReport mine = preflight(sources_.options(), world);
      if (world.rank() == ranks - 1) {
        result = std::move(mine);
      }
    });
    return result;
  }

  Sources sources_;
};

TEST_F(Preflight, CountsWhatIsWrongByKind) {
  const PreflightReport seen = report();
  ASSERT_EQ(seen.splits.size(), 1u);
  const SplitPreflight& split = seen.splits[0];
  EXPECT_EQ(split.images, 7u);
  EXPECT_EQ(split.samples.size(), 4u);
  EXPECT_EQ(split.other_files, 1u);
  EXPECT_EQ(split.targets_without_image, 1u);
  const std::map<ProblemKind, std::size_t> problems{
      {ProblemKind::kNoTarget, 1}, {ProblemKind::kSize, 1}, {ProblemKind::kUnreadable, 1}, {ProblemKind::kUndeclared, 2}};
  EXPECT_EQ(split.problems, problems);
  EXPECT_EQ(seen.problems.count(), 3u);
  EXPECT_EQ(split.undeclared.at("9").pixels, 24u + 2 * 24u);
  EXPECT_EQ(split.undeclared.at("9").files, 2u);
  EXPECT_EQ(split.undeclared.at("44").pixels, 15u);
  EXPECT_THAT(split.duplicates, ElementsAre(ElementsAre("b/tile5.jpg", "same.jpg")));
  // tile5 twice: 18 rows, of which the first column is void; rows take turns
  EXPECT_THAT(split.class_images, ElementsAre(2u, 2u));
  EXPECT_THAT(split.class_pixels, ElementsAre(2 * 9 * 23u, 2 * 9 * 23u));
}

TEST_F(Preflight, IsTheSameOverRanks) {
  const PackOptions options = sources_.options();
  const std::string alone = io::to_json(report_tree(report(), options));
  EXPECT_EQ(io::to_json(report_tree(report(3), options)), alone);
  EXPECT_EQ(io::to_json(report_tree(report(9), options)), alone);
}

TEST_F(Preflight, SpeaksToPeopleAndToPrograms) {
  const PreflightReport seen = report();
  EXPECT_THAT(report_text(seen, true),
              AllOf(HasSubstr("train: 7 images, 4 ready to pack"), HasSubstr("undeclared value 9: 72 pixels in 2 masks"),
                    HasSubstr("b/tile5.jpg = same.jpg"), HasSubstr("sky"), HasSubstr("1 other files")));
  const io::Value tree = io::parse_json(io::to_json(report_tree(seen, sources_.options())), "report");
  const io::Value& split = tree.at("splits").at("train");
  EXPECT_FALSE(tree.at("ready").as_bool());
  EXPECT_EQ(split.at("problems").at("size").as_int(), 1);
  EXPECT_EQ(split.at("undeclared").size(), 2u);
  EXPECT_EQ(split.at("problem_list").size(), 5u);
  EXPECT_EQ(split.at("images_without_target").as_int(), 1);
  EXPECT_EQ(split.at("lonely_targets").as_list().at(0).as_string(), "lonely.png");
  EXPECT_EQ(split.at("duplicates").at("files").as_int(), 2);
  EXPECT_EQ(split.at("classes").as_list()[1].at("name").as_string(), "road");
  EXPECT_FALSE(fs::exists(sources_.out()));
}

TEST_F(Preflight, RefusesAsPackingDoes) {
  const PreflightReport seen = report();
  EXPECT_EQ(message_of<DataError>([&] { seen.throw_if_bad(sources_.options()); }),
            message_of<DataError>([&] { pack(sources_.options()); }));
}

TEST_F(Preflight, LooksAtHeadersAloneWhereThatIsWanted) {
  PackOptions options = sources_.options();
  options.preflight = "headers";
  const auto solo = dist::make_solo_communicator();
  const PreflightReport seen = preflight(options, *solo);
  EXPECT_FALSE(seen.splits[0].targets_known);
  EXPECT_TRUE(seen.splits[0].undeclared.empty());
  EXPECT_TRUE(seen.splits[0].duplicates.empty());
  EXPECT_EQ(seen.problems.count(), 3u);
}

TEST(PreflightOfCutFiles, AreDecodedWhereTheirEndIsNotOneAndNoneIsRefusedThatCanBePacked) {
  Sources sources;
  sources.add_many(2);
  const std::vector<std::byte> jpeg = image::encode_jpeg(gradient(40, 48, 3), 90), png = image::encode_png(gradient(40, 48, 3));
  put(sources.images() / "one.jpg", std::span(jpeg).first(jpeg.size() - 60));
  put(sources.images() / "two.png", std::span(png).first(png.size() - 20));
  std::string ppm = "P6\n48 40\n255\n";
  ppm.resize(ppm.size() + 40 * 48 * 3, 'x');
  put(sources.images() / "three.ppm", std::string_view(ppm).substr(0, ppm.size() / 2));
  put(sources.images() / "whole.ppm", ppm);
  put(sources.images() / "trailing.jpg", std::string(reinterpret_cast<const char*>(jpeg.data()), jpeg.size()) + "written by a camera");
  for (const char* name : {"one", "two", "three", "whole", "trailing"}) {
    sources.add_mask(name, labels(40, 48, [](int, int) { return 0; }));
  }
  const auto solo = dist::make_solo_communicator();
  PackOptions options = sources.options();
  const PreflightReport seen = preflight(options, *solo);
  EXPECT_EQ(seen.problems.count(), 3u) << report_text(seen, false);
  EXPECT_EQ(seen.splits[0].problems.at(ProblemKind::kUnreadable), 3u);
  EXPECT_EQ(seen.splits[0].samples.size(), 4u);
  const io::Value tree = report_tree(seen, options);
  const io::Value& first = tree.at("splits").at("train").at("problem_list").as_list()[0];
  EXPECT_EQ(first.at("kind").as_string(), "unreadable");
  EXPECT_EQ(first.at("key").as_string(), "one.jpg");
  options.on_error = "skip";
  EXPECT_EQ(pack(options).splits.at(0).samples, 4u);
}

TEST(PreflightOfSplits, TellsWhichImagesTwoOfThemShare) {
  Sources sources;
  sources.add_many(3);
  const fs::path val = sources.path() / "val";
  for (const char* folder : {"images", "masks"}) {
    const std::string suffix = folder == std::string_view("images") ? ".jpg" : ".png";
    fs::create_directories(val / folder);
    fs::copy_file(sources.path() / folder / ("b/tile1" + suffix), val / folder / ("other" + suffix));
  }
  PackOptions options = sources.options();
  options.data.train = {.images = sources.images(), .masks = sources.masks(), .annotations = {}, .csv = {}};
  options.data.val = {.images = val / "images", .masks = val / "masks", .annotations = {}, .csv = {}};
  options.images = options.masks = "";
  for (const int ranks : {1, 3}) {
    dist::run_thread_ranks(ranks, [&](dist::Communicator& world) {
      const PreflightReport seen = preflight(options, world);
      EXPECT_EQ(seen.problems.count(), 0u);
      EXPECT_THAT(seen.notices, testing::Contains(HasSubstr("1 image of val is also in train, such as other.jpg")));
      const io::Value shared = report_tree(seen, options).at("shared").as_list().at(0);
      EXPECT_EQ(shared.at("images").as_int(), 1);
      EXPECT_EQ(shared.at("first").as_list()[0].as_list()[1].as_string(), "b/tile1.jpg");
    });
  }
}

TEST(PreflightOfPanopticSets, CountsImagesThatNoAnnotationNames) {
  testing_support::PanopticSources sources;
  sources.add(
      "one", 6, 8, [](int, int) { return 5u; }, R"({"id": 5, "category_id": 3, "iscrowd": 0})");
  put(sources.images() / "extra.jpg", image::encode_jpeg(gradient(6, 8, 3), 90));
  const PackOptions options = sources.options();
  const auto solo = dist::make_solo_communicator();
  const PreflightReport seen = preflight(options, *solo);
  EXPECT_THAT(report_text(seen, false), AllOf(HasSubstr("2 images, 1 ready"), HasSubstr("1 images that no annotation names, left out")));
  const io::Value tree = report_tree(seen, options);
  const io::Value& split = tree.at("splits").at("val");
  EXPECT_EQ(split.at("images_without_target").as_int(), 1);
  EXPECT_EQ(split.at("lonely_images").as_list().at(0).as_string(), "extra.jpg");
}

TEST(PreflightOfLargeFiles, ComparesThoseOfEqualSizeInFull) {
  Sources sources;
  image::Image noise(300, 300);
  std::uint32_t state = 1;
  for (std::uint8_t& value : noise.pixels) {
    state = state * 1664525u + 1013904223u;
    value = static_cast<std::uint8_t>(state >> 24);
  }
  const std::vector<std::byte> png = image::encode_png(noise);
  ASSERT_GT(png.size(), 100'000u);
  std::vector<std::byte> other = png;
  other[other.size() - 13] ^= std::byte{1};  // in the checksum of the last chunk but one: the same size, other bytes
  for (const auto& [name, bytes] : {std::pair("p", png), {"q", other}, {"r", png}}) {
    put(sources.images() / (std::string(name) + ".png"), bytes);
    sources.add_mask(name, labels(300, 300, [](int, int) { return 0; }));
  }
  const auto solo = dist::make_solo_communicator();
  EXPECT_THAT(preflight(sources.options(), *solo).splits[0].duplicates, ElementsAre(ElementsAre("p.png", "r.png")));
}

}  // namespace
}  // namespace muster::pack
