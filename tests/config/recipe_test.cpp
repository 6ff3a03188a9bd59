#include "config/recipe.hpp"

#include <filesystem>

#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/atomic_file.hpp"
#include "core/error.hpp"

namespace muster::config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

struct InnerOptions {
  double lr = 1e-4;
  std::optional<double> decay;
};
struct OuterOptions {
  std::int64_t steps = 10;
  std::string precision = "auto";
  bool overwrite = false;
  std::vector<std::int64_t> image_size{192, 192};
  ClassNames classes;
  io::Value mapping = io::Value::map();
  InnerOptions inner;
};

template <class Visitor>
void visit(Visitor& v, InnerOptions& o) {
  v.field("lr", o.lr, more_than(0), "learning rate");
  v.field("decay", o.decay, between(0, 1), "layer-wise decay");
}
template <class Visitor>
void visit(Visitor& v, OuterOptions& o) {
  v.field("steps", o.steps, at_least(1), "optimizer updates");
  v.field("precision", o.precision, one_of({"auto", "32-true"}), "number format");
  v.field("overwrite", o.overwrite, any_value(), "replace an older run");
  v.field("image_size", o.image_size, at_least(1), "height and width");
  v.field("classes", o.classes, any_value(), "class id to name");
  v.field("mapping", o.mapping, any_value(), "a tree");
  v.group("model_args", o.inner);
}
void validate(const OuterOptions& o) {
  if (o.image_size.size() != 2) {
    throw ConfigError("image_size has {} values; it takes two", o.image_size.size());
  }
}

OuterOptions read(const std::vector<std::string>& overrides) { return read_options<OuterOptions>(recipe_tree({}, overrides)); }

std::string message(const std::vector<std::string>& overrides) {
  try {
    read(overrides);
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "no error";
}

TEST(Recipe, TakesValuesOfEveryType) {
  const OuterOptions options = read({"steps=1e3", "precision=32-true", "overwrite=true", "image_size=[64, 96]", "classes={0: road, 7: sea}",
                                     "model_args.lr=3e-4", "model_args.decay=0.5"});
  EXPECT_EQ(options.steps, 1000);
  EXPECT_EQ(options.precision, "32-true");
  EXPECT_TRUE(options.overwrite);
  EXPECT_THAT(options.image_size, ElementsAre(64, 96));
  EXPECT_THAT(options.classes, ElementsAre(Pair(0, "road"), Pair(7, "sea")));
  EXPECT_DOUBLE_EQ(options.inner.lr, 3e-4);
  EXPECT_EQ(options.inner.decay, 0.5);
  EXPECT_EQ(read({"model_args.decay=0.5", "model_args.decay=null"}).inner.decay, std::nullopt);
  EXPECT_EQ(read({"mapping=|"}).mapping.as_string(), "|");  // YAML begins a block of lines with it
  EXPECT_EQ(read({"mapping=>"}).mapping.as_string(), ">");
}

TEST(Recipe, WritesShortTaskNamesOut) {
  for (const auto& [written, full] : std::vector<std::pair<const char*, const char*>>{{"semantic", "semantic_segmentation"},
                                                                                      {"panoptic", "panoptic_segmentation"},
                                                                                      {"classification", "image_classification"},
                                                                                      {"pretrain", "pretrain"},
                                                                                      {"semantics", "semantics"}}) {
    EXPECT_EQ(recipe_tree({}, {fmt::format("task={}", written)}).at("task"), io::Value(full));
  }
  EXPECT_EQ(recipe_tree({}, {"task=semantic"}).at("task").where(), "command line");
  EXPECT_EQ(recipe_tree({}, {"model.task=semantic"}).at("model").at("task"), io::Value("semantic"));
}

TEST(Recipe, LeavesATreeAsItIsWritten) {
  const OuterOptions options = read({"mapping={0: {name: road, labels: [[1, 2, 3]]}}", "mapping.4=sea"});
  EXPECT_EQ(options.mapping, io::parse_yaml("{0: {name: road, labels: [[1, 2, 3]]}, 4: sea}", ""));
  EXPECT_EQ(options_tree(options).at("mapping"), options.mapping);
  EXPECT_EQ(options_tree(OuterOptions()).at("mapping"), io::Value::map());
}

TEST(Recipe, AutoMeansTheDefault) {
  EXPECT_EQ(read({"steps=auto"}).steps, OuterOptions().steps);
  EXPECT_EQ(read({"precision=auto"}).precision, "auto");  // text is taken as it is
}

TEST(Recipe, NamesTheNearestKeyForAnUnknownOne) {
  EXPECT_THAT(message({"setps=3"}), HasSubstr("unknown key 'setps', did you mean 'steps'?"));
  EXPECT_THAT(message({"model_args.lrr=3"}), HasSubstr("did you mean 'model_args.lr'?"));
}

TEST(Recipe, RefusesWrongTypesAndRangesWithTheValueAndWhatWasWanted) {
  EXPECT_EQ(message({"steps=-1"}), "command line: steps=-1: expected a whole number of at least 1");
  EXPECT_EQ(message({"steps=many"}), "command line: steps=\"many\": expected a whole number of at least 1");
  EXPECT_EQ(message({"steps=1.5"}), "command line: steps=1.5: expected a whole number of at least 1");
  EXPECT_EQ(message({"precision=int4"}), "command line: precision=\"int4\": expected one of auto, 32-true");
  EXPECT_EQ(message({"model_args.lr=0"}), "command line: model_args.lr=0: expected a number above 0");
  EXPECT_THAT(message({"model_args=3"}), HasSubstr("expected a group of keys, such as model_args.lr"));
  EXPECT_THAT(message({"steps"}), HasSubstr("neither a recipe file nor key=value"));
  EXPECT_THAT(message({"image_size=[1]"}), HasSubstr("it takes two"));
  EXPECT_THAT(message({"classes={x: road}"}), HasSubstr("class id between 0 and 65534"));
}

TEST(Recipe, SaysFileAndLineAndLetsTheCommandLineWin) {
  const auto path = std::filesystem::temp_directory_path() / ("recipe_test." + std::to_string(::getpid()) + ".yaml");
  write_file_atomically(path, "steps: 5\nmodel_args:\n  lr: 0.1\n");
  EXPECT_EQ(read_options<OuterOptions>(recipe_tree(path, {"steps=6"})).steps, 6);
  EXPECT_DOUBLE_EQ(read_options<OuterOptions>(recipe_tree(path, {"steps=6"})).inner.lr, 0.1);
  write_file_atomically(path, "steps: 5\nmodel_args:\n  lr: fast\n");
  try {
    read_options<OuterOptions>(recipe_tree(path, {}));
    FAIL() << "took text for a number";
  } catch (const ConfigError& error) {
    EXPECT_THAT(error.what(), HasSubstr(path.string() + ":3:"));
    EXPECT_THAT(error.what(), HasSubstr("model_args.lr=\"fast\""));
  }
  std::filesystem::remove(path);
}

TEST(Recipe, WhatIsPrintedReadsBackAsTheSame) {
  const OuterOptions options = read({"steps=7", "classes={3: a}", "model_args.lr=0.1"});
  const OuterOptions again = read_options<OuterOptions>(io::parse_yaml(print_options(options), "printed"));
  EXPECT_EQ(print_options(again), print_options(options));
  EXPECT_EQ(again.steps, 7);
  EXPECT_THAT(again.classes, ElementsAre(Pair(3, "a")));
}

TEST(Recipe, HelpHasALineForEveryKey) {
  const std::string help = help_text(fields_of<OuterOptions>());
  EXPECT_THAT(help, HasSubstr("model_args.lr=1e-04"));
  EXPECT_THAT(help, HasSubstr("optimizer updates (of at least 1)"));
}

}  // namespace
}  // namespace muster::config
