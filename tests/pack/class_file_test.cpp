#include "pack/class_file.hpp"

#include <set>

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
  EXPECT_THAT(declared.ignored_classes, ElementsAre(9));
  EXPECT_THAT(notices_, ElementsAre(HasSubstr("not ignore_id"),
                                    HasSubstr("class 9 (nine) is packed, as a pack keeps every class; `muster train` leaves it out with ignore_classes=[9]")));

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
  options.data.classes = io::Value::map({{"3", "b"}, {"0", "a"}});
  options.data.ignore_classes = {1};
  const DeclaredClasses recipe = declared_classes(options, notices_);
  EXPECT_EQ(json.classes, yaml.classes);
  EXPECT_EQ(json.classes, recipe.classes);
  EXPECT_EQ(json.void_values, yaml.void_values);
  EXPECT_EQ(json.void_values, recipe.void_values);
  EXPECT_TRUE(notices_.empty());
  options.data.ignore_classes = {3, 1, 0, 3};
  (void)declared_classes(options, notices_);
  EXPECT_THAT(notices_, ElementsAre(HasSubstr("classes 0 (a), 3 (b) are packed, as a pack keeps every class; `muster train` leaves them out with ignore_classes=[0, 3]")));
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
  EXPECT_THAT(refusal(R"({"classes": {"1": [2]}})"), HasSubstr("bad.json at classes.1: expected a string"));
  EXPECT_THAT(refusal(R"({"classes": {"1": "a", "1": "b"}})"), HasSubstr("written twice"));
  EXPECT_THAT(refusal(R"({"classes": {"1": "a", "01": "b"}})"), HasSubstr("1"));
  EXPECT_THAT(refusal(R"({"classes": {"65535": "a"}})"), HasSubstr("65535"));
  EXPECT_THAT(refusal(R"({"classes": {"1": "a"}, "ignore_classes": [70000]})"), HasSubstr("pixel values lie in 0..65535"));
  EXPECT_THAT(refusal(R"({"classes": {}})"), HasSubstr("no classes"));
  EXPECT_THAT(refusal(R"({"names": {}})"), HasSubstr("'classes' is missing"));
}

TEST_F(ClassFile, TakesNumbersForNamesAndAFileOfNamesAlone) {
  const DeclaredClasses declared = read("id2label.json", R"({"1": "building", "0": "wall", "10": 10})");
  EXPECT_THAT(declared.classes.ids, ElementsAre(0, 1, 10));
  EXPECT_THAT(declared.classes.names, ElementsAre("wall", "building", "10"));
  EXPECT_TRUE(declared.plain());
  EXPECT_TRUE(notices_.empty());
}

TEST_F(ClassFile, MergesSeveralValuesIntoOneClass) {
  const DeclaredClasses declared =
      read("c.yaml", "classes: {4: {name: road, labels: [8, 7, 8]}, 2: sky, 9: {name: car}}\nignore_classes: [4, 255]\n");
  EXPECT_THAT(declared.labels, ElementsAre(ElementsAre(2u), ElementsAre(7u, 8u), ElementsAre(9u)));
  EXPECT_THAT(declared.void_values, ElementsAre(255));
  EXPECT_FALSE(declared.rgb);
  EXPECT_FALSE(declared.plain());
  const PixelTable table(declared);
  EXPECT_EQ(table[7], 1);
  EXPECT_EQ(table[8], 1);
  EXPECT_EQ(table[4], PixelTable::kUndeclared) << "the id of a class with other labels is no label";
  EXPECT_EQ(table[9], 2);
  EXPECT_EQ(table[255], kVoid);
}

TEST_F(ClassFile, KnowsClassesByTheirColors) {
  const DeclaredClasses declared =
      read("c.json",
           R"({"classes": {"0": {"name": "a", "labels": [[128, 64, 0], [0, 0, 1]]}, "5": {"name": "b", "labels": [[255, 255, 255]]}}})");
  EXPECT_TRUE(declared.rgb);
  const PixelTable table(declared);
  EXPECT_EQ(table[packed_rgb(128, 64, 0)], 0);
  EXPECT_EQ(table[packed_rgb(0, 0, 1)], 0);
  EXPECT_EQ(table[0xffffff], 1);
  EXPECT_EQ(table[0], PixelTable::kUndeclared);
  EXPECT_EQ(label_text(packed_rgb(128, 64, 0), true), "(128, 64, 0)");
}

TEST_F(ClassFile, ReducesLabelsBeforeClassesLookAtThem) {
  const DeclaredClasses declared = read("c.yaml", "classes: {0: wall, 1: sky}\nreduce_labels: true\nignore_classes: [7]\n");
  EXPECT_TRUE(declared.reduce_labels);
  const PixelTable table(declared);
  EXPECT_EQ(table[0], kVoid);
  EXPECT_EQ(table[1], 0);
  EXPECT_EQ(table[2], 1);
  EXPECT_EQ(table[3], PixelTable::kUndeclared);
  EXPECT_EQ(table[8], kVoid) << "ignore_classes speaks of reduced values";
  EXPECT_EQ(table[255], kVoid);
  EXPECT_EQ(PixelTable(read("d.yaml", "classes: {0: wall, 254: last}\nreduce_labels: true\n"))[255], 1) << "unless a class declares it";
  PackOptions options;
  options.data.classes = io::Value::map({{"0", "wall"}});
  EXPECT_EQ(PixelTable(declared_classes(options, notices_))[0], 0);
  options.data.reduce_labels = true;
  EXPECT_EQ(PixelTable(declared_classes(options, notices_))[0], kVoid);
}

TEST_F(ClassFile, DefinesAPlainSetAsBeforeAndTellsMappingsApart) {
  using std::string_literals::operator""s;
  EXPECT_EQ(definition_of(read("c.yaml", "classes: {7: road, 0: sky}\nignore_classes: [255]\n")), "0\0sky\0007\0road\0void\000255\0"s);
  EXPECT_EQ(definition_of(read("c.yaml", "classes: {0: {name: sky, labels: [0]}}\n")),
            definition_of(read("d.yaml", "classes: {0: sky}\n")));
  std::set<std::string> definitions;
  for (const char* text : {"classes: {0: sky}", "classes: {0: {name: sky, labels: [1]}}", "classes: {0: {name: sky, labels: [0, 1]}}",
                           "classes: {0: {name: sky, labels: [[0, 0, 0]]}}", "classes: {0: sky}\nreduce_labels: true"}) {
    definitions.insert(definition_of(read("c.yaml", text)));
  }
  EXPECT_EQ(definitions.size(), 5u);
}

TEST_F(ClassFile, SaysWhatAMappingContradicts) {
  EXPECT_THAT(refusal(R"({"classes": {"1": {"name": "a", "labels": [5]}, "5": "b"}})"),
              HasSubstr("the label 5 belongs to class 1 (a) and to class 5 (b)"));
  EXPECT_THAT(refusal(R"({"classes": {"1": {"name": "a", "labels": [5]}}, "ignore_classes": [5]})"),
              HasSubstr("ignore_classes names 5, which is no class but a label of class 1 (a)"));
  EXPECT_THAT(refusal(R"({"classes": {"1": {"name": "a", "labels": [[1, 2, 3]]}, "2": "b"}})"),
              HasSubstr("class 1 (a) has colours as labels and class 2 (b) has none"));
  EXPECT_THAT(refusal(R"({"classes": {"1": {"name": "a", "labels": [[1, 2, 3], 4]}}})"), HasSubstr("mix pixel values and colours"));
  EXPECT_THAT(refusal(R"({"classes": {"1": {"name": "a", "labels": [[1, 2]]}}})"), HasSubstr("a colour of 2 numbers"));
  EXPECT_THAT(refusal(R"({"classes": {"1": {"name": "a", "labels": [[1, 2, 256]]}}})"), HasSubstr("hold 256"));
  EXPECT_THAT(refusal(R"({"classes": {"1": {"name": "a", "labels": [65536]}}})"), HasSubstr("hold 65536"));
  EXPECT_THAT(refusal(R"({"classes": {"1": {"name": "a", "labels": []}}})"), HasSubstr("class 1 (a) has no labels"));
  EXPECT_THAT(refusal(R"({"classes": {"1": {"name": "a", "values": [1]}}})"), HasSubstr("classes.1 has the key values"));
  EXPECT_THAT(refusal(R"({"classes": {"1": {"labels": [1]}}})"), HasSubstr("'name' is missing"));
  EXPECT_THAT(refusal(R"({"classes": {"1": {"name": "a", "labels": [[0, 0, 0]]}}, "reduce_labels": true})"),
              HasSubstr("these labels are colours"));
}

}  // namespace
}  // namespace muster::pack
