#include "pack/classification_source.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "pack/csv_labels.hpp"
#include "pack/preflight_report.hpp"
#include "pack/sources.hpp"

namespace muster::pack {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing_support::message_of;
using testing_support::put;

class ClassificationSourceTest : public testing::Test {
 protected:
  ClassificationSourceTest() {
    options_.task = "image_classification";
    for (const char* key : {"train/cat/a.jpg", "train/cat/deep/b.png", "train/dog/a.jpg", "train/dog/c.JPG", "train/zebra/z.dcm"}) {
      put(folder_ / key, "image");
    }
  }
  std::unique_ptr<SplitSource> source(const SplitSources& sources) {
    return make_classification_source(options_, "train", sources, notices_);
  }
  Listing list(const SplitSources& sources) {
    source_ = source(sources);
    return source_->list(testing_support::scan_here);
  }
  // Packs nothing but the table: its only split.
  Listing table(const std::string& text, const std::string& name = "train.csv") {
    put(folder_ / name, text);
    options_.csv = folder_ / name;
    return list({.csv = options_.csv});
  }
  void classes(std::initializer_list<io::Value::Member> members) { options_.data.classes = io::Value::map(members); }
  std::vector<std::string> samples(const Listing& listing) const {
    std::vector<std::string> texts;
    for (const SourceSample& sample : listing.samples) {
      texts.push_back(fmt::format("{}={}", sample.image.key, fmt::join(sample.labels, ",")));
    }
    return texts;
  }

  muster::testing_support::TemporaryFolder folder_;
  PackOptions options_;
  std::vector<std::string> notices_;
  std::unique_ptr<SplitSource> source_;
};

TEST_F(ClassificationSourceTest, TakesTheFirstFolderForTheClassAndSortsNames) {
  put(folder_ / "val/ape/x.png", "image");
  put(folder_ / "train/readme.txt", "text");
  options_.data.train.images = folder_ / "train";
  options_.data.val.images = folder_ / "val";
  const Listing listing = list(options_.data.train);
  EXPECT_THAT(source_->classes().names, ElementsAre("ape", "cat", "dog", "zebra"));
  EXPECT_THAT(source_->classes().ids, ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(samples(listing), ElementsAre("cat/a.jpg=1", "cat/deep/b.png=1", "dog/a.jpg=2", "dog/c.JPG=2", "zebra/z.dcm=3"));
  EXPECT_EQ(listing.other_files, 1u);
  EXPECT_GT(listing.samples[0].image.bytes, 0u);
  const EncodedTarget target = source_->encode(listing.samples[2], 8, 8);
  EXPECT_EQ(target.label, 2);
  EXPECT_THAT(target.labels, IsEmpty());
  EXPECT_THAT(target.mask, IsEmpty());
}

TEST_F(ClassificationSourceTest, TakesIdsFromClassesAndNamesFoldersThatAreNone) {
  put(folder_ / "train/loose.png", "image");
  classes({{"10", "cat"}, {"2", "dogs"}, {"5", "zebra"}});
  options_.images = folder_ / "train";
  const Listing listing = list({.images = options_.images});
  EXPECT_THAT(source_->classes().names, ElementsAre("dogs", "zebra", "cat"));
  EXPECT_THAT(samples(listing), ElementsAre("cat/a.jpg=2", "cat/deep/b.png=2", "zebra/z.dcm=1"));
  ASSERT_EQ(listing.problems.size(), 2u);
  EXPECT_FALSE(listing.problems[0].can_skip);
  EXPECT_THAT(listing.problems[0].text, HasSubstr("train/dog: 2 images in a folder that is no class; rename it (did you mean \"dogs\"?), add it to the classes in data.classes"));
  EXPECT_EQ(listing.problems[0].kind, ProblemKind::kUnknownClass);
  EXPECT_STREQ(problem_kind_name(ProblemKind::kUnknownClass), "unknown_class");
  EXPECT_TRUE(listing.problems[1].can_skip);
  EXPECT_THAT(listing.problems[1].text, HasSubstr("loose.png: the image lies in no class's folder"));
}

TEST_F(ClassificationSourceTest, ReadsTablesWithAndWithoutHeaderByNameAndById) {
  classes({{"0", "cat"}, {"1", "car"}, {"2", "dog"}});
  const std::vector<std::string> wanted{"train/cat/a.jpg=0", "train/dog/a.jpg=2"};
  EXPECT_EQ(samples(table("image_path,label\ntrain/dog/a.jpg,\"dog\"\ntrain/cat/a.jpg,cat\n")), wanted);
  EXPECT_EQ(samples(table("\xef\xbb\xbfnr,label,image_path\r\n1,dog,train/dog/a.jpg\r\n2, cat ,./train/cat/../cat/a.jpg\r\n\r\n")), wanted);
  EXPECT_EQ(samples(table("train/dog/a.jpg,dog\ntrain/cat/a.jpg,cat")), wanted);
  EXPECT_EQ(samples(table((folder_ / "train/dog/a.jpg").string() + ",dog\ntrain/cat/a.jpg,cat")), wanted);
  options_.data.csv.label_type = "id";
  EXPECT_EQ(samples(table("train/dog/a.jpg,\"2\"\ntrain/cat/a.jpg,\"0\"\n")), wanted);
  options_.data.csv = {.image_column = "file", .label_column = "y", .label_type = "id", .label_delimiter = "|"};
  EXPECT_EQ(samples(table("y,file\n2,train/dog/a.jpg\n0,train/cat/a.jpg\n")), wanted);
  EXPECT_THAT(source_->remarks({}), IsEmpty());
}

TEST_F(ClassificationSourceTest, ReadsSeveralLabelsWithAnyDelimiter) {
  classes({{"0", "cat"}, {"1", "car"}, {"2", "great white, shark"}});
  options_.classification_task = "multilabel";
  const Listing listing = table("image_path,label\ntrain/cat/a.jpg,\"car,cat, car,\"\ntrain/dog/a.jpg,\"great white, shark\"\n");
  EXPECT_THAT(samples(listing), ElementsAre("train/cat/a.jpg=0,1", "train/dog/a.jpg=2"));
  EXPECT_TRUE(source_->multi_label());
  EXPECT_THAT(source_->encode(listing.samples[0], 1, 1).labels, ElementsAre(0, 1));
  EXPECT_EQ(source_->encode(listing.samples[0], 1, 1).label, -1);
  options_.data.csv.label_delimiter = " ; ";
  EXPECT_THAT(samples(table("train/cat/a.jpg,great white, shark\n")), IsEmpty());
  EXPECT_THAT(samples(table("train/cat/a.jpg,\"great white, shark ; cat\"\n")), ElementsAre("train/cat/a.jpg=0,2"));
  options_.classification_task = "multiclass";
  EXPECT_THAT(table("train/cat/a.jpg,cat ; car\n").problems.at(0).text,
              HasSubstr("train.csv:1: train/cat/a.jpg: 2 labels (cat ; car); give one, or set classification_task=multilabel"));
}

TEST_F(ClassificationSourceTest, FindsClassesInTheTablesOfAllSplits) {
  put(folder_ / "val.csv", "train/dog/a.jpg,ape\n");
  put(folder_ / "train.csv", "image_path,label\ntrain/cat/a.jpg,cat\n");
  options_.data.train_csv = folder_ / "train.csv";
  options_.data.val_csv = folder_ / "val.csv";
  options_.data.test_csv = folder_ / "val.csv";
  const auto splits = sources_by_split(options_);
  ASSERT_EQ(splits.size(), 3u);
  EXPECT_EQ(splits[2].first, "test");
  const Listing listing = list(splits[0].second);
  EXPECT_THAT(source_->classes().names, ElementsAre("ape", "cat"));
  EXPECT_THAT(samples(listing), ElementsAre("train/cat/a.jpg=1"));
  options_.data.csv.label_type = "id";
  EXPECT_THAT(message_of<ConfigError>([&] { (void)list(splits[0].second); }), HasSubstr("csv_label_type=id needs names"));
}

TEST_F(ClassificationSourceTest, KeepsKeysFreeOfPlacesWhenImagesLieElsewhere) {
  classes({{"0", "cat"}, {"1", "dog"}});
  fs::create_directories(folder_ / "tables/a");
  const Listing listing = table("../../train/cat/a.jpg,cat\n" + (folder_ / "train/dog/c.JPG").string() + ",dog\n", "tables/a/t.csv");
  EXPECT_THAT(samples(listing), ElementsAre("cat/a.jpg=0", "dog/c.JPG=1"));
}

TEST_F(ClassificationSourceTest, NamesFileAndLineOfWhatCannotBeUsed) {
  classes({{"0", "cat"}, {"1", "car"}});
  const Listing listing = table(
      "image_path,label\n"
      "train/cat/a.jpg,cat\n"
      "\n"
      ",cat\n"
      "train/cat/deep/b.png, \n"
      "train/dog/a.jpg,cat,car\n"
      "train/cat/none.jpg,cat\n"
      "train/dog/c.JPG,caat\n"
      "train/cat/a.jpg,car\n"
      "./train/cat/a.jpg,cat\n"
      "train/dog/a.jpg,1\n"
      "\n");
  EXPECT_THAT(samples(listing), ElementsAre("train/cat/a.jpg=0"));
  std::vector<std::string> texts;
  std::vector<bool> can_skip;
  for (const SourceProblem& problem : listing.problems) {
    texts.push_back(problem.text);
    can_skip.push_back(problem.can_skip);
  }
  EXPECT_THAT(texts,
              ElementsAre(HasSubstr("train.csv:3: the line is empty"), HasSubstr("train.csv:4: no image path"),
                          HasSubstr("train.csv:5: no label for train/cat/deep/b.png"),
                          HasSubstr("train.csv:6: 3 fields, 2 are wanted; labels with commas between them are written in quotes"),
                          HasSubstr("train.csv:7: there is no image"),
                          HasSubstr("train.csv:8: train/dog/c.JPG: unknown class name \"caat\"; mend the line (did you mean \"cat\"?), or add the class to those in data.classes"),
                          HasSubstr("train.csv:9: train/cat/a.jpg has other labels than in line 2"),
                          HasSubstr("train.csv:11: train/dog/a.jpg: unknown class \"1\"; it is the id of a class, and csv_label_type=id")));
  EXPECT_THAT(can_skip, ElementsAre(true, true, true, true, true, false, false, false));
  EXPECT_EQ(listing.problems[5].kind, ProblemKind::kUnknownClass);
  EXPECT_EQ(listing.problems[6].kind, ProblemKind::kAnnotation);
  EXPECT_THAT(source_->remarks({}), ElementsAre(HasSubstr("1 lines name an image again")));
}

TEST_F(ClassificationSourceTest, SaysWhereNamesStandThatShouldBeIds) {
  classes({{"0", "cat"}, {"1", "car"}});
  options_.data.csv.label_type = "id";
  EXPECT_THAT(table("image_path,label\ntrain/cat/a.jpg,cat\n").problems.at(0).text,
              HasSubstr("train.csv:2: train/cat/a.jpg: unknown class id \"cat\"; it is the name of a class, and csv_label_type=name reads"));
}

TEST_F(ClassificationSourceTest, LooksIntoNoFolderThatBeginsWithADot) {
  put(folder_ / "train/.ipynb_checkpoints/cat.jpg", "image");
  put(folder_ / "train/dog/.cache/d.jpg", "image");
  put(folder_ / "train/dog/._a.jpg", "attributes");
  classes({{"0", "cat"}, {"1", "dog"}, {"2", "zebra"}});
  const Listing listing = list({.images = folder_ / "train"});
  EXPECT_THAT(listing.problems, IsEmpty());
  EXPECT_EQ(listing.images, 5u);
  EXPECT_EQ(listing.other_files, 1u);
}

TEST_F(ClassificationSourceTest, SaysWhatColumnsAndSettingsDoNotFit) {
  classes({{"0", "cat"}, {"1", "car"}});
  EXPECT_THAT(message_of<ConfigError>([&] { (void)table("image_path,class\ntrain/cat/a.jpg,cat\n"); }),
              HasSubstr("train.csv:1: no column \"label\" among image_path, class"));
  EXPECT_THAT(table("file,class\ntrain/cat/a.jpg,cat\n").problems.at(0).text, HasSubstr("unknown class name \"class\""));
  EXPECT_THAT(table("file,cat\ntrain/cat/a.jpg,cat\n").problems.at(0).text, HasSubstr("if this line is a header, name its columns"));
  options_.data.csv.image_column = "file";
  EXPECT_THAT(message_of<ConfigError>([&] { (void)table("train/cat/a.jpg,cat\n"); }), HasSubstr("no column \"file\""));
  options_.data.csv.label_delimiter = "";
  EXPECT_THAT(message_of<ConfigError>([&] { (void)table("file,label\n"); }), HasSubstr("label_delimiter is empty"));
  options_.data.csv = {};
  options_.classification_task = "multilabel";
  EXPECT_THAT(message_of<ConfigError>([&] { (void)list({.images = folder_ / "train"}); }), HasSubstr("give a CSV file"));
  options_.classification_task = "multiclass";
  classes({{"0", "cat"}, {"1", "cat"}});
  EXPECT_THAT(message_of<ConfigError>([&] { (void)list({.images = folder_ / "train"}); }),
              HasSubstr("the classes 0 and 1 are both called cat"));
  classes({});
  options_.csv.clear();
  options_.images = folder_ / "nowhere";
  EXPECT_THAT(message_of<ConfigError>([&] { (void)list({.images = folder_ / "nowhere"}); }), HasSubstr("one folder per class"));
}

TEST_F(ClassificationSourceTest, LeavesVoidIdsOut) {
  classes({{"0", "cat"}, {"1", "car"}});
  options_.data.ignore_classes = {9, 0};
  options_.data.csv.label_type = "id";
  EXPECT_THAT(samples(table("train/cat/a.jpg,9\ntrain/dog/a.jpg,0\n")), ElementsAre("train/cat/a.jpg=", "train/dog/a.jpg=0"));
  EXPECT_THAT(table("train/cat/a.jpg,8\n").problems.at(0).text,
              HasSubstr("unknown class id \"8\"; mend the line, or add the class to those in data.classes"));
}

TEST(SplitLabels, CutsAndLeavesBlanksOut) {
  EXPECT_THAT(split_labels("a, b ,,c ", ","), ElementsAre("a", "b", "c"));
  EXPECT_THAT(split_labels("a||b|c", "||"), ElementsAre("a", "b|c"));
  EXPECT_THAT(split_labels("", ","), IsEmpty());
}

}  // namespace
}  // namespace muster::pack
