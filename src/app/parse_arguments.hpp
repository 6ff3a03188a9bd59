// The command line, read by CLI11 into a command and its arguments.
#pragma once

#include "app/command.hpp"

namespace muster::app {

struct Invocation {
  const Command* command = nullptr;  // nullptr: `muster` or `muster --help`
  Arguments arguments;
  bool version = false;
};

// Throws ConfigError for an unknown subcommand (with the nearest name) or flag.
Invocation parse_arguments(int argc, const char* const* argv);

// "muster" alone: what it is, and the list of commands.
std::string program_help();
std::string command_help(const Command& command);

}  // namespace muster::app
