// `muster models fetch`: published weights from the network into the cache, on a machine that has a network.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace muster::app {

struct FetchRequest {
  std::string name;    // a model's, a backbone's, or an address
  std::string sha256;  // hex digits that the file must begin with; empty = those that were published, if any
  std::optional<std::uint64_t> bytes;
};

// Where everything is afterwards; files that are there already are checked, and not fetched again. ConfigError: inside of a job, or
// nothing is published under this name; else as io::download().
std::vector<std::filesystem::path> fetch_weights(const FetchRequest& request);

}  // namespace muster::app
