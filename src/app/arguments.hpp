// What stands behind `muster SUBCOMMAND`: an optional recipe file, key=value overrides, and the few flags (CONTRACTS 17).
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace muster::dist {
class Session;
}

namespace muster::app {

struct Arguments {
  std::optional<std::filesystem::path> recipe;
  std::vector<std::string> overrides;  // "key=value", in order
  bool help = false;
  bool print_config = false;
  bool dry_run = false;
  bool json = false;
  dist::Session* session = nullptr;  // the ranks of this launch, opened by main before a command runs
};

}  // namespace muster::app
