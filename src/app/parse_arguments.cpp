#include "app/parse_arguments.hpp"

#include <algorithm>
#include <cctype>
#include <map>

#include <CLI/CLI.hpp>

#include "core/nearest_name.hpp"

namespace muster::app {
namespace {

// Keys are made of letters, digits, dots and underscores; a path or an address may hold a "=" of its own.
bool is_override(const std::string& word) {
  const auto equals = word.find('=');
  return equals != std::string::npos && std::all_of(word.begin(), word.begin() + static_cast<std::ptrdiff_t>(equals),
                                                    [](unsigned char c) { return std::isalnum(c) != 0 || c == '.' || c == '_'; });
}

// As YAML that is text, whatever it looks like.
std::string quoted(const std::string& word) {
  std::string text = "'";
  for (const char c : word) {
    text += c == '\'' ? "''" : std::string(1, c);
  }
  return text + "'";
}

void place_words(const std::vector<std::string>& words, const Command& command, Arguments& arguments) {
  std::size_t next = 0;
  for (const std::string& word : words) {
    if (is_override(word)) {
      const auto equals = word.find('=');
      const std::string key = word.substr(0, equals);
      const bool textual = std::ranges::find(command.textual, key) != command.textual.end();
      arguments.overrides.push_back(textual ? key + "=" + quoted(word.substr(equals + 1)) : word);
    } else if (next < command.positional.size()) {
      arguments.overrides.push_back(command.positional[next++] + "=" + quoted(word));
    } else {
      throw ConfigError("muster {} does not know what to do with '{}'; see muster {} --help", command.name, word, command.name);
    }
  }
}

void split_words(const std::vector<std::string>& words, Arguments& arguments) {
  for (const std::string& word : words) {
    if (word.find('=') != std::string::npos) {
      arguments.overrides.push_back(word);
    } else if (arguments.recipe) {
      throw ConfigError("two recipe files, {} and {}; give one, and what differs as key=value", arguments.recipe->string(), word);
    } else {
      arguments.recipe = word;
    }
  }
}

void refuse_unknown_command(const std::string& name) {
  std::vector<std::string> names;
  for (const Command& command : commands()) {
    names.push_back(command.name);
  }
  const auto nearest = nearest_name(name, names);
  throw ConfigError("'{}' is no command of muster{}; `muster --help` lists them", name,
                    nearest ? fmt::format(", did you mean '{}'?", *nearest) : "");
}

}  // namespace

Invocation parse_arguments(int argc, const char* const* argv) {
  Invocation invocation;
  if (argc > 1 && argv[1][0] != '-' &&
      std::none_of(commands().begin(), commands().end(), [&](const Command& command) { return command.name == argv[1]; })) {
    refuse_unknown_command(argv[1]);
  }
  CLI::App cli("muster");
  cli.set_help_flag();
  bool help = false;
  cli.add_flag("--help,-h", help);
  cli.add_flag("--version", invocation.version);
  std::map<const CLI::App*, const Command*> by_app;
  std::vector<std::string> words;
  Arguments& arguments = invocation.arguments;
  for (const Command& command : commands()) {
    CLI::App* sub = cli.add_subcommand(command.name);
    sub->set_help_flag();
    sub->add_option("words", words);
    sub->add_flag("--help,-h", arguments.help);
    sub->add_flag("--print-config", arguments.print_config);
    sub->add_flag("--dry-run", arguments.dry_run);
    sub->add_flag("--json", arguments.json);
    by_app[sub] = &command;
  }
  try {
    cli.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    throw ConfigError("{}; keys are written key=value, and the flags are --help --print-config --dry-run --json", error.what());
  }
  if (!cli.get_subcommands().empty()) {
    invocation.command = by_app.at(cli.get_subcommands().front());
  }
  if (invocation.command != nullptr && !invocation.command->positional.empty()) {
    place_words(words, *invocation.command, arguments);
  } else {
    split_words(words, arguments);
  }
  return invocation;
}

std::string program_help() {
  std::string text =
      "Muster trains large vision backbones on clusters and labels image collections with them.\n\n"
      "  muster COMMAND [RECIPE.yaml] [key=value ...]\n\n"
      "Commands:\n";
  for (const Command& command : commands()) {
    text += fmt::format("  {:<10} {}\n", command.name, command.summary);
  }
  text +=
      "\nA first run, from the top folder of the project:\n"
      "  launch/muster pack datasets/sample/pack.yaml\n"
      "  launch/muster -n 2 train configs/quickstart.yaml out=runs/a        (two ranks; without -n one)\n\n"
      "`muster COMMAND --help` explains a command and its keys; --print-config shows what a recipe resolves to.\n"
      "Exit codes: 0 done, 2 the recipe, 3 data or output folder, 4 checkpoints, 70 a bug of ours, 75 start the same command again.\n";
  return text;
}

std::string command_help(const Command& command) {
  return fmt::format(
      "muster {}: {}\n\n{}\nKeys, with their defaults (in the recipe or as key=value):\n{}\nFlags: --help --print-config --dry-run "
      "--json\n",
      command.name, command.summary, command.usage, config::help_text(command.fields()));
}

}  // namespace muster::app
