#include "data/class_list.hpp"

#include <set>

#include <gtest/gtest.h>

#include "core/error.hpp"
#include "data/tiny_dataset.hpp"

namespace muster::data {
namespace {

ClassList classes_numbered(int count) {
  std::vector<std::pair<std::int32_t, std::string>> pairs;
  for (int id = 0; id < count; ++id) {
    pairs.emplace_back(id, "class " + std::to_string(id));
  }
  return make_class_list(pairs);
}

TEST(ClassList, SortsByIdWhateverTheOrderOfWriting) {
  const ClassList classes = tiny_classes();
  EXPECT_EQ(classes.ids, (std::vector<std::int32_t>{0, 4, 9}));
  EXPECT_EQ(classes.names, (std::vector<std::string>{"field", "house", "lake"}));
  EXPECT_EQ(classes.dense_index(4), 1);
  EXPECT_EQ(classes.dense_index(5), std::nullopt);
}

TEST(ClassList, Takes8BitsUpTo255Classes) {
  EXPECT_EQ(classes_numbered(255).stored_dtype(), 1);
  EXPECT_EQ(classes_numbered(255).stored_void(), 255);
  EXPECT_EQ(classes_numbered(256).stored_dtype(), 2);
  EXPECT_EQ(classes_numbered(256).stored_void(), 65535);
}

TEST(ClassList, GivesEachClassAColourOfItsOwn) {
  const ClassList classes = classes_numbered(300);
  EXPECT_EQ(std::set(classes.colors.begin(), classes.colors.end()).size(), 300U);
}

TEST(ClassList, RefusesIdsThatAreDoubleOrDoNotFit) {
  EXPECT_THROW(make_class_list({{1, "a"}, {1, "b"}}), ConfigError);
  EXPECT_THROW(make_class_list({{65535, "a"}}), ConfigError);
  EXPECT_THROW(make_class_list({{-1, "a"}}), ConfigError);
}

TEST(TrainClasses, CountsOnWithoutTheIgnoredOnes) {
  const std::int32_t ignored[] = {4, 255};  // 255 is no class: it was packed as void
  const TrainClasses classes(tiny_classes(), ignored);
  EXPECT_EQ(classes.ids(), (std::vector<std::int32_t>{0, 9}));
  EXPECT_EQ(classes.names(), (std::vector<std::string>{"field", "lake"}));
  EXPECT_EQ(classes.learned(), (std::vector<bool>{true, false, true}));
  const std::uint16_t dense[] = {0, 1, 2, 3, 65535};
  std::int32_t train[5];
  classes.map(dense, train);
  EXPECT_EQ(std::vector(train, train + 5), (std::vector<std::int32_t>{0, -1, 1, -1, -1}));
}

TEST(TrainClasses, RefusesToIgnoreEverything) {
  const std::int32_t ignored[] = {0, 4, 9};
  EXPECT_THROW(TrainClasses(tiny_classes(), ignored), ConfigError);
}

}  // namespace
}  // namespace muster::data
