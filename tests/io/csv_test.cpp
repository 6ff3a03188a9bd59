#include "io/csv.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/atomic_file.hpp"
#include "core/error.hpp"
#include "support/temporary_folder.hpp"

namespace muster::io {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(CsvField, IsQuotedAndStaysOnOneLine) {
  EXPECT_EQ(csv_field("a,b"), "\"a,b\"");
  EXPECT_EQ(csv_field("say \"no\""), "\"say \"\"no\"\"\"");
  EXPECT_EQ(csv_field("one\r\ntwo"), "\"one  two\"");
  EXPECT_EQ(csv_field(""), "\"\"");
}

class CsvReaderTest : public testing::Test {
 protected:
  std::filesystem::path file(const std::string& text) {
    write_file_atomically(folder_ / "table.csv", text);
    return folder_ / "table.csv";
  }
  std::vector<CsvRow> rows(const std::string& text) {
    CsvReader reader(file(text));
    std::vector<CsvRow> all;
    while (std::optional<CsvRow> row = reader.next()) {
      all.push_back(std::move(*row));
    }
    return all;
  }
  std::string refusal(const std::string& text) {
    try {
      (void)rows(text);
    } catch (const DataError& error) {
      return error.what();
    }
    return "nothing was refused";
  }

  testing_support::TemporaryFolder folder_;
};

TEST_F(CsvReaderTest, ReadsQuotedFieldsAcrossLinesAndCountsLines) {
  const std::vector<CsvRow> all = rows("path,label\r\n\"a, \"\"b\"\".jpg\",\"cat\r\nor dog\"\r\nc d.jpg, 5\"\r\n");
  ASSERT_EQ(all.size(), 3u);
  EXPECT_THAT(all[0].fields, ElementsAre("path", "label"));
  EXPECT_THAT(all[1].fields, ElementsAre("a, \"b\".jpg", "cat\r\nor dog"));
  EXPECT_THAT(all[2].fields, ElementsAre("c d.jpg", " 5\""));
  EXPECT_EQ(all[0].line, 1u);
  EXPECT_EQ(all[1].line, 2u);
  EXPECT_EQ(all[2].line, 4u);
}

TEST_F(CsvReaderTest, TakesEveryKindOfLineEndAndAMarkAtTheStart) {
  for (const char* end : {"\n", "\r\n", "\r"}) {
    const std::string line_end = end;
    const std::vector<CsvRow> all = rows("\xef\xbb\xbf\"ä\",b" + line_end + line_end + ",");
    ASSERT_EQ(all.size(), 3u);
    EXPECT_THAT(all[0].fields, ElementsAre("ä", "b"));
    EXPECT_THAT(all[1].fields, IsEmpty());
    EXPECT_THAT(all[2].fields, ElementsAre("", ""));
    EXPECT_EQ(all[2].line, 3u);
  }
  EXPECT_THAT(rows(""), IsEmpty());
  EXPECT_THAT(rows("\xef\xbb\xbf"), IsEmpty());
  EXPECT_THAT(rows("\"\"").at(0).fields, ElementsAre(""));
}

TEST_F(CsvReaderTest, ReadsOnOverTheEndsOfItsBlocks) {
  // 64 KiB are read at a time: records whose CRLF, quotes and characters lie across that border, at every distance.
  for (int before = 65520; before < 65545; ++before) {
    const std::vector<CsvRow> all = rows(std::string(static_cast<std::size_t>(before), 'x') + ",\"ö\"\"\r\n\"\r\nlast,1\r\n");
    ASSERT_EQ(all.size(), 2u) << before;
    EXPECT_EQ(all[0].fields.at(1), "ö\"\r\n") << before;
    EXPECT_EQ(all[1].line, 3u) << before;
    EXPECT_THAT(all[1].fields, ElementsAre("last", "1"));
  }
}

TEST_F(CsvReaderTest, NamesFileAndLineOfWhatIsNoTable) {
  EXPECT_THAT(refusal("a,b\nc,\"d\ne"), HasSubstr("table.csv:2: a quote is opened here and not closed"));
  EXPECT_THAT(refusal("a,b\n\"c\"d,e\n"), HasSubstr("table.csv:2: text behind a closing quote"));
  EXPECT_THAT(refusal("a,b\n\n\xff\xfe,e\n"), HasSubstr("table.csv:3: this is not UTF-8"));
  EXPECT_THAT(refusal(std::string("\xff\xfe") + "a\0,\0"), HasSubstr("UTF-8"));
  EXPECT_THAT(refusal(std::string("a\0b", 3)), HasSubstr("table.csv:1: a zero byte"));
  EXPECT_THAT(refusal("a\n\"" + std::string(CsvReader::kMaxFieldBytes + 1, '\n')), HasSubstr("table.csv:2: a field of more than"));
  EXPECT_THAT(refusal(std::string(CsvReader::kMaxFields + 1, ',')), HasSubstr("more than"));
  EXPECT_THROW((void)CsvReader(folder_ / "none.csv"), DataError);
}

}  // namespace
}  // namespace muster::io
