#include "label/plan.hpp"

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/atomic_file.hpp"
#include "core/error.hpp"
#include "label/disk_space.hpp"
#include "support/temporary_folder.hpp"

namespace muster::label {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

std::vector<ListedImage> images(std::size_t count, std::uint64_t bytes = 1000) {
  std::vector<ListedImage> list;
  for (std::size_t i = 0; i < count; ++i) {
    const std::string name = "image" + std::to_string(i);
    list.push_back({.key = name + ".jpg", .path = {}, .mask = name + ".png", .bytes = bytes});
  }
  return list;
}

LabelPlan plan_of(std::size_t count, const std::string& labeller = "model 1") {
  return make_plan({.root = "/photos", .images = images(count)}, "runs/a", labeller);
}

TEST(CutIntoChunks, GivesEveryImageToOneChunkOfAtMost64) {
  for (const std::size_t count : {1UL, 2UL, 511UL, 513UL, 5000UL, 40000UL}) {
    const std::vector<std::size_t> begin = cut_into_chunks(images(count));
    ASSERT_EQ(begin.front(), 0u);
    ASSERT_EQ(begin.back(), count);
    for (std::size_t chunk = 0; chunk + 1 < begin.size(); ++chunk) {
      ASSERT_GT(begin[chunk + 1], begin[chunk]);
      ASSERT_LE(begin[chunk + 1] - begin[chunk], kChunkImages);
    }
    EXPECT_GE(begin.size() - 1, std::min<std::size_t>(count / 2, 256)) << "enough chunks for many workers";
  }
}

TEST(CutIntoChunks, PutsFewLargeImagesIntoAChunk) {
  std::vector<ListedImage> list = images(2000, 1000);
  for (std::size_t i = 0; i < 1000; ++i) {
    list[i].bytes = 50'000'000;
  }
  const std::vector<std::size_t> begin = cut_into_chunks(list);
  EXPECT_LE(begin[1] - begin[0], 2u);
  EXPECT_EQ(begin[begin.size() - 2] - begin[begin.size() - 3], kChunkImages);
}

class PlanFolder : public testing::Test {
 protected:
  std::string refusal(const LabelPlan& plan) {
    try {
      (void)join_plan(plan, folder_, "b");
    } catch (const ConfigError& error) {
      return error.what();
    }
    return "nothing of that kind was thrown";
  }

  muster::testing_support::TemporaryFolder temporary_;
  const LabelFolder folder_{.out = temporary_ / "out"};
};

TEST_F(PlanFolder, IsAgreedOnByAllWorkersAndLaterStarts) {
  const LabelPlan first = join_plan(plan_of(3), folder_, "a");
  EXPECT_THAT(first.chunk_begin, ElementsAre(0, 1, 2, 3));
  LabelPlan other_sizes = plan_of(3);
  other_sizes.list.images[0].bytes = 1 << 30;  // mended meanwhile
  other_sizes.chunk_begin = {0, 3};
  EXPECT_EQ(join_plan(other_sizes, folder_, "b").chunk_begin, first.chunk_begin) << "the chunks of the first worker count";
  std::string text = read_file(folder_.plan());
  EXPECT_THAT(text, HasSubstr(R"({"image":"image2.jpg","mask":"image2.png","bytes":1000})"));
  EXPECT_TRUE(fs::is_empty(folder_.temporaries()));
}

TEST_F(PlanFolder, RefusesAnotherListAnotherModelAndMasksOfUnknownOrigin) {
  (void)join_plan(plan_of(3), folder_, "a");
  EXPECT_THAT(refusal(plan_of(4)), testing::AllOf(HasSubstr("labels of 3 other images"), HasSubstr("this list has 4")));
  EXPECT_THAT(refusal(plan_of(3, "model 2")), HasSubstr("labels made by runs/a with other weights"));
  fs::remove(folder_.plan());
  std::ofstream(folder_.out / "image1.png") << "x";
  EXPECT_THAT(refusal(plan_of(3)), HasSubstr("image1.png is there already"));
}

TEST_F(PlanFolder, RefusesADiskThatIsTooSmallBeforeAnythingIsLabelled) {
  LabelPlan plan = plan_of(3);
  plan.list.images[0].bytes = std::uint64_t{1} << 62;
  EXPECT_THROW((void)join_plan(plan, folder_, "a"), OutputError);
  EXPECT_FALSE(fs::exists(folder_.plan()));
  EXPECT_NO_THROW(check_free_space(temporary_.path(), 1));
}

}  // namespace
}  // namespace muster::label
