// A recipe file and `key=value` overrides, read into an options struct; strict about every key.
//
//   TrainOptions options = config::read_options<TrainOptions>(config::recipe_tree("configs/a.yaml", {"steps=200"}));
//   fmt::print("{}", config::print_options(options));
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/visitors.hpp"
#include "io/value.hpp"

namespace muster::config {

// The recipe (none: an empty one) with the overrides applied in order. "a.b=value": the value is YAML, so [1, 2], true and
// null are what they look like; where it is no valid YAML it is text. A short `task` (semantic, panoptic, classification) is written
// out. Throws ConfigError for "x" without "=".
io::Value recipe_tree(const std::optional<std::filesystem::path>& recipe, const std::vector<std::string>& overrides);

// Throws ConfigError for the first key of `tree` that is none of `fields`, with the nearest name that is.
void refuse_unknown_keys(const io::Value& tree, const std::vector<FieldHelp>& fields);

// Aligned lines for --help.
std::string help_text(const std::vector<FieldHelp>& fields);

template <class Options>
std::vector<FieldHelp> fields_of() {
  Options options;
  HelpVisitor visitor;
  visit(visitor, options);
  return visitor.fields();
}

// Strict: every key must exist, have the right type and range; then validate() is asked.
template <class Options>
Options read_options(const io::Value& tree) {
  refuse_unknown_keys(tree, fields_of<Options>());
  Options options;
  ReadVisitor visitor(tree);
  visit(visitor, options);
  validate(options);
  return options;
}

template <class Options>
io::Value options_tree(Options options) {
  PrintVisitor visitor;
  visit(visitor, options);
  return visitor.root();
}

template <class Options>
std::string print_options(const Options& options) {
  return io::to_yaml(options_tree(options));
}

}  // namespace muster::config
