// A subcommand: its options struct gives --help, --print-config and strict keys; its file gives what it does.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "app/arguments.hpp"
#include "config/recipe.hpp"
#include "core/error.hpp"

namespace muster::app {

struct Command {
  std::string name;
  std::string summary;  // one line in the list of commands
  std::string usage;    // what stands above the keys in --help, with an example that works as it stands
  std::function<ExitCode(const Arguments&)> run;
  std::function<std::vector<config::FieldHelp>()> fields;
  // Every rank runs it, and they work together through arguments.session. Other commands are rank 0's alone: the others wait.
  bool over_ranks = false;
  // Keys that words without "=" are given to, in order: `muster info FILE` is `muster info file=FILE`. Empty: such a word is the recipe.
  std::vector<std::string> positional = {};
  // Of such a command, keys whose values are text even where they look like numbers: 00112233 keeps its zeros.
  std::vector<std::string> textual = {};
};

// A command over one options struct. `prepare` may fill the tree in before it is read (defaults of a recipe style).
template <class Options>
Command make_command(
    std::string name, std::string summary, std::string usage,
    std::function<ExitCode(const Options&, const io::Value& tree, const Arguments&)> run,
    std::function<void(io::Value&)> prepare = [](io::Value&) {}) {
  return {.name = std::move(name),
          .summary = std::move(summary),
          .usage = std::move(usage),
          .run =
              [run = std::move(run), prepare = std::move(prepare)](const Arguments& arguments) {
                io::Value tree = config::recipe_tree(arguments.recipe, arguments.overrides);
                prepare(tree);
                const auto options = config::read_options<Options>(tree);
                const io::Value resolved = config::options_tree(options);
                if (arguments.print_config) {
                  fmt::print("{}", arguments.json ? io::to_json(resolved) + "\n" : io::to_yaml(resolved));
                  return ExitCode::kDone;
                }
                return run(options, resolved, arguments);
              },
          .fields = [] { return config::fields_of<Options>(); }};
}

// All commands, in the order in which they are listed.
const std::vector<Command>& commands();

Command pack_command();
Command verify_command();
Command info_command();
Command train_command();
Command eval_command();
Command autolabel_command();
Command forward_command();
Command export_command();
Command import_command();
Command models_command();
Command doctor_command();

}  // namespace muster::app
