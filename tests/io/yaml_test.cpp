#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "io/value.hpp"

namespace muster::io {
namespace {

using Kind = Value::Kind;

std::string yaml_refusal(const std::string& text) {
  try {
    (void)parse_yaml(text, "r.yaml");
  } catch (const ConfigError& error) {
    return error.what();
  }
  ADD_FAILURE() << "accepted: " << text;
  return {};
}

TEST(Yaml, TypesPlainScalarsByTheCoreSchemaAndNothingElse) {
  const std::vector<std::pair<std::string, Kind>> cases = {
      {"12", Kind::kInt},           {"-7", Kind::kInt},        {"+3", Kind::kInt},        {"0x1F", Kind::kInt},
      {"0o17", Kind::kInt},         {"007", Kind::kInt},       {"1.5", Kind::kDouble},    {"-3.5e2", Kind::kDouble},
      {"1e3", Kind::kDouble},       {".5", Kind::kDouble},     {"5.", Kind::kDouble},     {".inf", Kind::kDouble},
      {"-.INF", Kind::kDouble},     {".nan", Kind::kDouble},   {"true", Kind::kBool},     {"False", Kind::kBool},
      {"null", Kind::kNull},        {"~", Kind::kNull},        {"", Kind::kNull},         {"yes", Kind::kString},
      {"no", Kind::kString},        {"on", Kind::kString},     {"1_000", Kind::kString},  {"1.2.3", Kind::kString},
      {"inf", Kind::kString},       {"0x", Kind::kString},     {"1e", Kind::kString},     {".", Kind::kString},
      {"tRue", Kind::kString},      {"\"12\"", Kind::kString}, {"'true'", Kind::kString}, {"!!str 12", Kind::kString},
      {"bf16-mixed", Kind::kString}};
  for (const auto& [text, kind] : cases) {
    EXPECT_EQ(parse_yaml("k: " + text, "t").at("k").kind(), kind) << text;
  }
  EXPECT_EQ(parse_yaml("0x1F", "t").as_int(), 31);
  EXPECT_EQ(parse_yaml("0o17", "t").as_int(), 15);
  EXPECT_EQ(parse_yaml("007", "t").as_int(), 7);
  EXPECT_EQ(parse_yaml("-3.5e2", "t").as_double(), -350.0);
  EXPECT_EQ(parse_yaml("-9223372036854775808", "t").as_int(), std::numeric_limits<std::int64_t>::min());
  EXPECT_TRUE(std::isnan(parse_yaml(".nan", "t").as_double()));
}

TEST(Yaml, RemembersLineAndColumnOfEveryValue) {
  const Value value = parse_yaml("a: 1\nlist:\n  - x\n  - {y: 2}\n", "r.yaml");
  EXPECT_EQ(value.at("a").where(), "r.yaml:1:4");
  EXPECT_EQ(value.at("list").as_list()[1].at("y").where(), "r.yaml:4:9");
  try {
    (void)value.at("list").as_list()[0].as_int();
    ADD_FAILURE();
  } catch (const ConfigError& error) {
    EXPECT_STREQ(error.what(), "r.yaml:3:5: expected a whole number, got the string \"x\"");
  }
}

TEST(Yaml, SaysWhatIsWrongAndWhere) {
  EXPECT_EQ(yaml_refusal("a: 1\nb: 2\na: 3\n"), "r.yaml:3:1: the key 'a' is written twice");
  EXPECT_THAT(yaml_refusal("a: [1, 2\nb: 3\n"), testing::StartsWith("r.yaml:2:"));
  EXPECT_THAT(yaml_refusal("a: b: c\n"), testing::StartsWith("r.yaml:1:"));
  EXPECT_THAT(yaml_refusal("a: 99999999999999999999\n"), testing::HasSubstr("r.yaml:1:4: 99999999999999999999 does not fit"));
  EXPECT_THAT(yaml_refusal("a: 1e999\n"), testing::HasSubstr("outside the range"));
  EXPECT_THAT(yaml_refusal("a: !mine 1\n"), testing::HasSubstr("the tag !mine is not known"));
  EXPECT_THAT(yaml_refusal("[a, b]: 1\n"), testing::HasSubstr("a key must be a word or a number"));
  EXPECT_THAT(yaml_refusal("a: 1\n---\nb: 2\n"), testing::HasSubstr("2 YAML documents"));
  EXPECT_THAT(yaml_refusal("a: *nothing\n"), testing::StartsWith("r.yaml:1:"));
}

TEST(Yaml, RefusesAliasesThatGrowWithoutEnd) {
  std::string text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 12; ++i) {
    text += fmt::format("a{0}: &a{0} [*a{1}, *a{1}, *a{1}, *a{1}, *a{1}, *a{1}, *a{1}, *a{1}]\n", i, i - 1);
  }
  EXPECT_THAT(yaml_refusal(text), testing::HasSubstr("more than 500000 values"));
  EXPECT_THROW((void)parse_yaml(std::string(100000, '['), "t"), ConfigError);
}

TEST(Yaml, ReadsBackWhatItWrote) {
  Value strings = Value::list();
  for (const char* text : {"",     "12",    "1.5",    "true",        "null",  "~",  "a: b",   "- x",
                           "#",    "it's",  "\"q\"",  "line\nbreak", "tab\t", "ä€", "runs/a", "99999999999999999999",
                           "0x1f", " lead", "trail ", "{",           "[",     "*x", "&x",     "!x",
                           "%",    "@",     "-",      "-.inf",       "1e5"}) {
    strings.push_back(text);
  }
  const Value value = Value::map({{"strings", strings},
                                  {"12", -1},
                                  {"true", false},
                                  {"double", 1e20},
                                  {"inf", -HUGE_VAL},
                                  {"none", Value()},
                                  {"empty list", Value::list()},
                                  {"empty map", Value::map()},
                                  {"nested", Value::map({{"deep", Value(Value::List{Value::map({{"x", 1}, {"y", Value::list()}}),
                                                                                    Value(Value::List{1, Value(Value::List{2})})})}})}});
  EXPECT_EQ(parse_yaml(to_yaml(value), "t"), value) << to_yaml(value);
  EXPECT_EQ(parse_yaml(to_yaml(Value::map()), "t"), Value::map());
}

TEST(Yaml, NeverCrashesOnDamagedText) {
  const std::string text = "a: [1, {b: 'c', \"d\": ~}]\ne:\n  - &x f\n  - *x\n  - |\n    g\n";
  for (std::size_t i = 0; i < text.size(); ++i) {
    for (const char put : {'\0', '\n', '[', '}', '"', ':', '\t', '\xff', '-'}) {
      std::string damaged = text;
      damaged[i] = put;
      try {
        (void)parse_yaml(damaged, "t");
      } catch (const ConfigError&) {  // the one way to say no
      }
      try {
        (void)parse_yaml(text.substr(0, i), "t");
      } catch (const ConfigError&) {
      }
    }
  }
}

}  // namespace
}  // namespace muster::io
