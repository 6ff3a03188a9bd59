#include "io/csv.hpp"

#include <gtest/gtest.h>

namespace muster::io {
namespace {

TEST(CsvField, IsQuotedAndStaysOnOneLine) {
  EXPECT_EQ(csv_field("a,b"), "\"a,b\"");
  EXPECT_EQ(csv_field("say \"no\""), "\"say \"\"no\"\"\"");
  EXPECT_EQ(csv_field("one\r\ntwo"), "\"one  two\"");
  EXPECT_EQ(csv_field(""), "\"\"");
}

}  // namespace
}  // namespace muster::io
