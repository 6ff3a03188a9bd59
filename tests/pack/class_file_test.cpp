#include "pack/class_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "pack/sources.hpp"

namespace muster::pack {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing_support::message_of;
using testing_support::put;

class ClassFile : public testing::Test {
 protected:
  DeclaredClasses read(const std::string& name, const std::string& text) {
    put(folder_ / name, text);
    PackOptions options;
    options.classes = folder_ / name;
    notices_.clear();
    return declared_classes(options, notices_);
  }
  std::string refusal(const std::string& text) {
    return message_of<ConfigError>([&] { (void)read("bad.json", text); });
  }

  muster::testing_support::TemporaryFolder folder_;
  std::vector<std::string> notices_;
};

TEST_F(ClassFile, SortsIdsByNumberAndKeepsIgnoredClassesAsClasses) {
  const DeclaredClasses declared =
      read("c.json", R"({"classes": {"10": "ten", "9": "nine"}, "ignore_classes": [255, 9, 255], "ignore_id": 255})");
  EXPECT_THAT(declared.classes.ids, ElementsAre(9, 10));
  EXPECT_THAT(declared.classes.names, ElementsAre("nine", "ten"));
  EXPECT_THAT(declared.void_values, ElementsAre(255));
  ASSERT_EQ(notices_.size(), 1u);
  EXPECT_THAT(notices_[0], HasSubstr("not ignore_id"));

  const PixelTable table(declared);
  EXPECT_EQ(table[9], 0);
  EXPECT_EQ(table[10], 1);
  EXPECT_EQ(table[255], kVoid);
  EXPECT_EQ(table[0], PixelTable::kUndeclared);
  EXPECT_EQ(table[65535], PixelTable::kUndeclared);
}

TEST_F(ClassFile, ReadsTheSameFromYamlAndFromARecipe) {
  const DeclaredClasses json = read("c.json", R"({"classes": {"0": "a", "3": "b"}, "ignore_classes": [1]})");
  const DeclaredClasses yaml = read("c.yaml", "classes:\n  0: a\n  3: b\nignore_classes: [1]\n");
  PackOptions options;
  options.data.classes = {{3, "b"}, {0, "a"}};
  options.data.ignore_classes = {1};
  const DeclaredClasses recipe = declared_classes(options, notices_);
  EXPECT_EQ(json.classes, yaml.classes);
  EXPECT_EQ(json.classes, recipe.classes);
  EXPECT_EQ(json.void_values, yaml.void_values);
  EXPECT_EQ(json.void_values, recipe.void_values);
}

TEST_F(ClassFile, StoresMoreThan255ClassesIn16Bits) {
  std::string text;
  for (int id = 0; id < 256; ++id) {
    text += fmt::format("{}\"{}\": \"c{}\"", id == 0 ? "" : ",", id, id);
  }
  EXPECT_EQ(read("c.json", "{\"classes\": {" + text + "}}").classes.stored_void(), 65535);
  text.resize(text.rfind(','));
  EXPECT_EQ(read("c.json", "{\"classes\": {" + text + "}}").classes.stored_void(), 255);
}

TEST_F(ClassFile, NamesTheFileAndWhatIsWrong) {
  EXPECT_THAT(refusal(R"({"classes": {"x": "a"}})"), HasSubstr("the class id \"x\" is no whole number"));
  EXPECT_THAT(refusal(R"({"classes": {"1": 2}})"), HasSubstr("bad.json at classes.1: expected a string"));
  EXPECT_THAT(refusal(R"({"classes": {"1": "a", "1": "b"}})"), HasSubstr("written twice"));
  EXPECT_THAT(refusal(R"({"classes": {"1": "a", "01": "b"}})"), HasSubstr("1"));
  EXPECT_THAT(refusal(R"({"classes": {"65535": "a"}})"), HasSubstr("65535"));
  EXPECT_THAT(refusal(R"({"classes": {"1": "a"}, "ignore_classes": [70000]})"), HasSubstr("pixel values lie in 0..65535"));
  EXPECT_THAT(refusal(R"({"classes": {}})"), HasSubstr("no classes"));
  EXPECT_THAT(refusal(R"({"names": {}})"), HasSubstr("'classes' is missing"));
}

}  // namespace
}  // namespace muster::pack
