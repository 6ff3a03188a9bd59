#include "io/json_records.hpp"

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "support/temporary_folder.hpp"

namespace muster::io {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::string_view kLists[] = {"images", "annotations", "annotations.parts"};

// Lines of what is read from `text`, or the message of the DataError.
template <class Take>
std::vector<std::string> read(const std::string& text, Take take) {
  const testing_support::TemporaryFolder folder;
  const std::filesystem::path path = folder / "a.json";
  std::ofstream(path) << text;
  std::vector<std::string> lines;
  try {
    for (const std::string& found : read_json_records(path, kLists, [&](std::string_view list, const JsonRecord&record) {
           lines.push_back(std::string(list) + " " + take(record));
         })) {
      lines.push_back("has " + found);
    }
  } catch (const DataError& error) {
    const std::string message = error.what();
    EXPECT_TRUE(message.starts_with(path.string() + ": ")) << message;
    return {message.substr(path.string().size() + 2)};
  }
  return lines;
}

std::string id(const JsonRecord& record) {
  return record.text_or_digits("id");
}

TEST(JsonRecords, GiveInnerObjectsBeforeTheirOuterOne) {
  EXPECT_THAT(read(R"({"info": {"annotations": [1], "deep": [[{"id": 9}]]},
                       "annotations": [{"parts": [{"id": 1}, {"id": 2, "x": {"id": 7}}], "id": "a"}, {"id": "b", "parts": []}],
                       "other": [{"id": 5}], "licences": "none"})",
                   id),
              ElementsAre("annotations.parts 1", "annotations.parts 2", "annotations a", "annotations b", "has annotations",
                          "has annotations.parts"));
}

TEST(JsonRecords, ReadMembersByTheirKind) {
  const auto all = [](const JsonRecord& r) {
    return fmt::format("{} {} {} {} {} {} {}", r.whole("w", 0, 50000), r.number("n"), r.flag("f"), r.flag("one"), r.text("t"),
                       fmt::join(r.numbers("l", 3), ","), r.has("gone"));
  };
  EXPECT_THAT(read(R"({"images": [{"w": 24315.0, "n": -2, "f": true, "one": 1, "t": "\u00e4", "l": [1, 2.5, -3], "gone": null}]})", all),
              ElementsAre("images 24315 -2 true true \xc3\xa4 1,2.5,-3 false", "has images"));
}

TEST(JsonRecords, SayWhereAMemberIsMissingOrWrong) {
  const auto one = [](const std::string& member, auto look_up) {
    return read(R"({"annotations": [{"parts": []}, {"parts": [{"v": 0}, {)" + member + "}]}]}",
                [&](const JsonRecord& record) { return record.has("v") ? look_up(record) : ""; })
        .front();
  };
  const auto whole = [](const JsonRecord& r) { return std::to_string(r.whole("v", 0, 255)); };
  EXPECT_EQ(one(R"("v": 256)", whole), "annotations[1].parts[1]: v is 256, wanted a whole number from 0 to 255");
  EXPECT_EQ(one(R"("v": 1.5)", whole), "annotations[1].parts[1]: v is 1.5, wanted a whole number from 0 to 255");
  EXPECT_EQ(one(R"("v": "7")", whole), "annotations[1].parts[1]: v is no number");
  EXPECT_EQ(one(R"("v": 18446744073709551615)", whole),
            "annotations[1].parts[1]: v is 1.8446744073709552e+19, wanted a whole number from 0 to 255");
  const auto text = [](const JsonRecord& r) { return r.number("v") == 0 ? "" : r.text("t"); };
  EXPECT_EQ(one(R"("v": 1)", text), "annotations[1].parts[1]: no t");
  EXPECT_EQ(one(R"("v": 1, "t": "a\u0000b")", text), "annotations[1].parts[1]: t holds a null character");
  const auto box = [](const JsonRecord& r) { return r.number("v") == 0 ? "" : std::to_string(r.numbers("b", 4)[0]); };
  EXPECT_EQ(one(R"("v": 1, "b": [1, 2, 3])", box), "annotations[1].parts[1]: b is no list of 4 numbers");
  EXPECT_EQ(one(R"("v": 1, "b": [1, 2, 3, "4"])", box), "annotations[1].parts[1]: b is no list of 4 numbers");
  EXPECT_EQ(one(R"("v": 1, "b": [1, 2, 3, [4]])", box), "annotations[1].parts[1]: b is no list of 4 numbers");
}

TEST(JsonRecords, RefuseWhatIsNoJsonOrOfAnotherShape) {
  EXPECT_THAT(read(R"({"images": [{"id": 1}, {"id": )", id), ElementsAre(HasSubstr("not valid JSON at byte 3")));
  EXPECT_THAT(read("", id), ElementsAre(HasSubstr("not valid JSON")));
  EXPECT_THAT(read("[1]", id), ElementsAre("a list at the top, wanted an object"));
  EXPECT_THAT(read("3", id), ElementsAre("a single value, wanted an object"));
  EXPECT_THAT(read(R"({"images": {"id": 1}})", id), ElementsAre("images is an object, wanted a list"));
  EXPECT_THAT(read(R"({"images": [{"id": 1}, 5]})", id), ElementsAre("images[1]: a single value, wanted an object"));
  EXPECT_THAT(read(R"({"images": [[]]})", id), ElementsAre("images[0]: a list, wanted an object"));
  EXPECT_THAT(read(R"({"other": )" + std::string(1000, '['), id), ElementsAre(HasSubstr("nested deeper than 200 levels")));
  EXPECT_THAT(read("{\"images\": [{\"id\": \"\xff\"}]}", id), ElementsAre(HasSubstr("not valid JSON")));
}

TEST(JsonRecords, TakeTheLastOfAKeyThatIsWrittenTwice) {
  EXPECT_THAT(read(R"({"images": [{"id": 1, "id": 2}]})", id), ElementsAre("images 2", "has images"));
}

}  // namespace
}  // namespace muster::io
