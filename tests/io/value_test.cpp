#include "io/value.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.hpp"

namespace muster::io {
namespace {

using testing::HasSubstr;

template <class Error, class Call>
std::string message_of(Call call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  ADD_FAILURE() << "nothing was thrown";
  return {};
}

TEST(Value, KeepsTheOrderInWhichKeysWereWritten) {
  const Value value = parse_json(R"({"z": 1, "a": [true, null, -2.5], "m": {"x": "y"}})", "t.json");
  ASSERT_EQ(value.as_map().size(), 3u);
  EXPECT_EQ(value.as_map()[0].key, "z");
  EXPECT_EQ(value.as_map()[1].key, "a");
  EXPECT_EQ(to_json(value, -1), R"({"z":1,"a":[true,null,-2.5],"m":{"x":"y"}})");
}

TEST(Value, WritesDoublesSoThatTheyReadBackEqual) {
  for (const double number : {0.1, 1.0, 1e300, -5e-324, 0.1 + 0.2, 123456789.0}) {
    const Value back = parse_json(to_json(Value(number)), "t");
    EXPECT_EQ(back.kind(), Value::Kind::kDouble);
    EXPECT_EQ(back.as_double(), number);
    EXPECT_EQ(parse_yaml(to_yaml(Value(number)), "t").as_double(), number);
  }
  EXPECT_THROW((void)to_json(Value(std::numeric_limits<double>::infinity())), DataError);
}

TEST(Value, WritesAMapIndentedAndAListOfScalarsOnOneLine) {
  const Value value = Value::map({{"list", Value(Value::List{1, 2})}, {"empty", Value::map()}, {"text", "a\"b\n"}});
  EXPECT_EQ(to_json(value), "{\n  \"list\": [1, 2],\n  \"empty\": {},\n  \"text\": \"a\\\"b\\n\"\n}");
}

TEST(Value, NamesPlaceAndKindWhenATypeIsWrong) {
  const Value value = parse_json(R"({"classes": [{"id": "seven"}]})", "c.json");
  const Value& id = value.at("classes").as_list()[0].at("id");
  EXPECT_EQ(message_of<ConfigError>([&] { (void)id.as_int(); }),
            "c.json at classes.0.id: expected a whole number, got the string \"seven\"");
  EXPECT_THAT(message_of<ConfigError>([&] { (void)value.at("nothing"); }), HasSubstr("the key 'nothing' is missing"));
}

TEST(Value, RefusesAKeyWrittenTwiceAndSaysWhere) {
  EXPECT_EQ(message_of<ConfigError>([] { (void)parse_json(R"({"a": {"b": 1, "b": 2}})", "t.json"); }),
            "t.json at a.b: the key is written twice");
}

TEST(Value, PointsAtLineAndColumnOfMalformedJson) {
  EXPECT_THAT(message_of<ConfigError>([] { (void)parse_json("{\n  \"a\": 1,\n  \"b\" 2\n}", "t.json"); }),
              HasSubstr("t.json:3:7: not valid JSON"));
}

TEST(Value, RefusesNumbersThatDoNotFitAndNestingWithoutEnd) {
  EXPECT_EQ(parse_json("9223372036854775807", "t").as_int(), std::numeric_limits<std::int64_t>::max());
  EXPECT_THROW((void)parse_json("9223372036854775808", "t"), ConfigError);
  EXPECT_THROW((void)parse_json(std::string(100000, '['), "t"), ConfigError);
  EXPECT_THROW((void)Value(std::uint64_t{1} << 63), DataError);
}

TEST(Value, IsBuiltAndChangedInPlace) {
  Value value;
  value["a"]["b"] = 1;
  value.set("c", Value::list()).push_back("x");
  EXPECT_EQ(to_json(value, -1), R"({"a":{"b":1},"c":["x"]})");
  EXPECT_TRUE(value.erase("c"));
  EXPECT_FALSE(value.erase("c"));
  EXPECT_EQ(value.find("c"), nullptr);
  EXPECT_EQ(value, parse_json(R"({"a":{"b":1}})", "elsewhere"));
  EXPECT_NE(value, parse_json(R"({"a":{"b":1.0}})", "elsewhere"));
}

}  // namespace
}  // namespace muster::io
