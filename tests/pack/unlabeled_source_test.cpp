#include "pack/unlabeled_source.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "pack/source_keys.hpp"
#include "pack/sources.hpp"

namespace muster::pack {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing_support::message_of;
using testing_support::put;

class UnlabeledSourceTest : public testing::Test {
 protected:
  UnlabeledSourceTest() {
    options_.task = "pretrain";
    for (const char* key : {"one/dir0/image0.jpg", "one/dir1/image0.jpg", "one/notes.md", "two/image0.jpg", "two/no_extension"}) {
      put(folder_ / key, "image");
    }
  }
  Listing list(const std::string& images) {
    std::vector<std::string> notices;
    const auto source = make_unlabeled_source(options_, "train", {.images = images}, notices);
    EXPECT_FALSE(source->has_masks());
    EXPECT_EQ(source->classes().size(), 0u);
    return source->list(testing_support::scan_here);
  }
  std::vector<std::string> keys(const std::string& images) {
    std::vector<std::string> all;
    for (const SourceSample& sample : list(images).samples) {
      all.push_back(sample.image.key);
      EXPECT_EQ(sample.image.bytes, 5u);
    }
    return all;
  }
  std::string at(const std::string& name) const { return (folder_ / name).string(); }

  muster::testing_support::TemporaryFolder folder_;
  PackOptions options_;
};

TEST_F(UnlabeledSourceTest, TakesAFolderAFileAndSeveralOfBoth) {
  EXPECT_THAT(keys(at("one")), ElementsAre("dir0/image0.jpg", "dir1/image0.jpg"));
  EXPECT_THAT(keys(at("one/")), ElementsAre("dir0/image0.jpg", "dir1/image0.jpg"));
  EXPECT_EQ(list(at("one")).other_files, 1u);
  EXPECT_THAT(keys(at("two/image0.jpg")), ElementsAre("image0.jpg"));
  EXPECT_THAT(keys(at("one") + "\n" + at("two")), ElementsAre("one/dir0/image0.jpg", "one/dir1/image0.jpg", "two/image0.jpg"));
  EXPECT_THAT(keys(at("one/dir0") + "\n" + at("two/no_extension") + "\n" + at("one")),
              ElementsAre("one/dir0/image0.jpg", "one/dir1/image0.jpg", "two/no_extension"))
      << "named twice, packed once";
}

TEST_F(UnlabeledSourceTest, TakesAListAndNamesItsLines) {
  put(folder_ / "list.txt", at("two/image0.jpg") + "\r\n\r\n" + at("one") + "\n" + at("two/gone.jpg"));
  const Listing listing = list(at("list.txt"));
  ASSERT_EQ(listing.samples.size(), 3u);
  EXPECT_EQ(listing.samples[2].image.key, "two/image0.jpg");
  EXPECT_EQ(listing.images, 4u);
  ASSERT_EQ(listing.problems.size(), 1u);
  EXPECT_TRUE(listing.problems[0].can_skip);
  EXPECT_THAT(listing.problems[0].text, HasSubstr("list.txt:4: there is no image"));
  EXPECT_THAT(message_of<ConfigError>([&] { (void)list(at("none.txt")); }), HasSubstr("there is no such list"));
  EXPECT_THAT(list(at("gone")).problems.at(0).text, HasSubstr("there is no image"));
}

io::Value expanded(const std::string& recipe) {
  io::Value tree = io::parse_yaml(recipe, "recipe");
  expand_source_keys(tree);
  return tree;
}

TEST(ExpandSourceKeys, WritesTheShortFormsOfTheDocumentsOut) {
  EXPECT_EQ(expanded("data: photos"), io::parse_yaml("data: {train: {images: photos}}", ""));
  EXPECT_EQ(expanded("data: [a, b/c.jpg]"), io::parse_yaml("data: {train: {images: \"a\\nb/c.jpg\"}}", ""));
  EXPECT_EQ(expanded("images: [a, b]"), io::parse_yaml("images: \"a\\nb\"", ""));
  EXPECT_EQ(expanded("task: image_classification\ndata: {train: /tmp, val: /tmp/none.csv, classes: {0: a}}"),
            io::parse_yaml("task: image_classification\ndata: {train: {images: /tmp}, val: {csv: /tmp/none.csv}, classes: {0: a}}", ""));
  EXPECT_EQ(expanded("data: {val: {images: [a, b]}, test: /tmp/none}"),
            io::parse_yaml("data: {val: {images: \"a\\nb\"}, test: {images: /tmp/none}}", ""));
  const std::string long_form = "data: {train: {images: a, masks: b}, train_csv: c}\nimages: d";
  EXPECT_EQ(expanded(long_form), io::parse_yaml(long_form, ""));
  EXPECT_THROW(expanded("data: [1, 2]"), ConfigError);
}

TEST(ExpandSourceKeys, TakesAFileOfClassesOutOfTheRecipe) {
  EXPECT_EQ(expanded("data: {train: {images: a, masks: b}, classes: c.json}"),
            io::parse_yaml("data: {train: {images: a, masks: b}}\nclasses: c.json", ""));
  EXPECT_EQ(expanded("data: {classes: c.json}\nclasses: c.json"), io::parse_yaml("data: {}\nclasses: c.json", ""));
  const std::string refusal = message_of<ConfigError>([] { (void)expanded("data: {classes: c.json}\nclasses: d.json"); });
  EXPECT_THAT(refusal, HasSubstr("data.classes=\"c.json\" and classes=\"d.json\""));
}

}  // namespace
}  // namespace muster::pack
