// What packing knows of a finished shard beside the shard itself, kept in train-00012.json until the manifest is there: whoever goes on
// after an interruption takes the shard over by it, and need not decode the images again. A shard without its note is made again.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "pack/preflight.hpp"
#include "pack/stored_image.hpp"

namespace muster::pack {

struct ShardNote {
  std::string xxh3_128;  // of the shard file
  PixelSums sums;
  std::vector<SkippedFile> skipped;
};

// "train-00012.json" for "train-00012.h5"
std::string shard_note_name(const std::string& shard_file);

// Atomic. OutputError.
void write_shard_note(const std::filesystem::path& folder, const std::string& shard_file, const ShardNote& note);

// Nothing when there is none, it cannot be read, or it is of other bytes than `xxh3_128`.
std::optional<ShardNote> read_shard_note(const std::filesystem::path& folder, const std::string& shard_file, const std::string& xxh3_128);

}  // namespace muster::pack
