// `data:` of a training recipe: the folder of a packed data set, or, as in the reference documents, folders of images and masks,
// which are packed into the data cache before the first step.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/recipe.hpp"
#include "dist/communicator.hpp"
#include "io/value.hpp"
#include "pack/pack_options.hpp"

namespace muster::app {

// What a recipe says beside TrainOptions.
struct PlainData {
  pack::PackOptions pack;  // `out` is set when the cache is known
  std::string cache;       // key data_cache
  io::Value recipe;        // {data, data_cache, pack_args} as they were written, for --print-config
};

// data.*, data_cache and pack_args.*: keys of the recipe that TrainOptions does not have.
std::vector<config::FieldHelp> plain_data_fields();

// Takes these keys out of `tree`. Where `data` is a group, it becomes a text that says so, and the classes that it, or its file of
// classes, ignores join ignore_classes; where it is text there is nothing to pack. ConfigError as config::read_options().
std::optional<PlainData> take_plain_data(io::Value& tree);

// The folder of the packed data set: packed now, by all ranks, or found in the cache. Nothing under `dry_run` when it would have to
// be packed. Collective; every rank throws what pack() throws. Says on rank 0 what is done, with size and free space.
std::optional<std::string> packed_data(const PlainData& data, const std::string& out, bool dry_run, dist::Communicator& ranks);

}  // namespace muster::app
