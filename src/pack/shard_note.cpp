#include "pack/shard_note.hpp"

#include <spdlog/spdlog.h>

#include "core/atomic_file.hpp"
#include "core/error.hpp"
#include "io/value.hpp"

namespace muster::pack {
namespace {

using io::Value;

Value channels_value(const std::array<std::uint64_t, 3>& channels) {
  return Value(Value::List{channels[0], channels[1], channels[2]});
}

std::array<std::uint64_t, 3> channels_of(const Value& value) {
  const Value::List& list = value.as_list();
  check(list.size() == 3, "{} channels in a shard's note", list.size());
  return {list[0].as_uint(), list[1].as_uint(), list[2].as_uint()};
}

ShardNote note_of(const Value& value) {
  ShardNote note{
      .xxh3_128 = value.at("shard").as_string(),
      .sums = {.pixels = value.at("pixels").as_uint(), .sum = channels_of(value.at("sum")), .squares = channels_of(value.at("squares"))},
      .skipped = {}};
  for (const Value& file : value.at("skipped").as_list()) {
    note.skipped.push_back({.key = file.at("key").as_string(), .reason = file.at("reason").as_string()});
  }
  return note;
}

}  // namespace

std::string shard_note_name(const std::string& shard_file) {
  return std::filesystem::path(shard_file).replace_extension(".json").string();
}

void write_shard_note(const std::filesystem::path& folder, const std::string& shard_file, const ShardNote& note) {
  Value skipped = Value::list();
  for (const SkippedFile& file : note.skipped) {
    skipped.push_back(Value::map({{"key", file.key}, {"reason", file.reason}}));
  }
  const Value value = Value::map({{"shard", note.xxh3_128},
                                  {"pixels", note.sums.pixels},
                                  {"sum", channels_value(note.sums.sum)},
                                  {"squares", channels_value(note.sums.squares)},
                                  {"skipped", std::move(skipped)}});
  write_file_atomically(folder / shard_note_name(shard_file), io::to_json(value) + "\n");
}

std::optional<ShardNote> read_shard_note(const std::filesystem::path& folder, const std::string& shard_file, const std::string& xxh3_128) {
  const std::filesystem::path path = folder / shard_note_name(shard_file);
  if (!std::filesystem::exists(path)) {
    return std::nullopt;
  }
  try {
    ShardNote note = note_of(io::parse_json(read_file(path), path.string()));
    return note.xxh3_128 == xxh3_128 ? std::optional(std::move(note)) : std::nullopt;
  } catch (const Error& error) {
    spdlog::warn("{}; {} is made again", error.what(), shard_file);
    return std::nullopt;
  }
}

}  // namespace muster::pack
