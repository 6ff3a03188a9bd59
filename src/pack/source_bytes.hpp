// Reading source files, and speaking of them without their place on this machine.
#pragma once

#include <cstddef>
#include <limits>
#include <string>
#include <vector>

#include "io/source_scan.hpp"
#include "pack/pack_options.hpp"

namespace muster::pack {

// The first `limit` bytes, or all. DataError naming the file when it cannot be read, or has another size or time than when it was found.
std::vector<std::byte> read_source(const io::SourceFile& file, std::size_t limit = std::numeric_limits<std::size_t>::max());

// The last `count` bytes, or all; else as read_source().
std::vector<std::byte> read_source_end(const io::SourceFile& file, std::size_t count);

// `text` with the place of `file` and with the folders of `sources` taken out: no file of a finished pack holds a path of this machine.
std::string without_root(std::string text, const SplitSources& sources, const io::SourceFile* file = nullptr);

}  // namespace muster::pack
