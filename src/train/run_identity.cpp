#include "train/run_identity.hpp"

#include <algorithm>
#include <optional>

#include <spdlog/spdlog.h>

#include "core/atomic_file.hpp"
#include "core/error.hpp"
#include "core/hash.hpp"
#include "train/train_options.hpp"

namespace muster::train {
namespace {

bool may_change(const std::string& key) {
  return std::ranges::any_of(changeable_keys(), [&](const std::string& name) { return key == name || key.starts_with(name + "."); });
}

// Dotted key -> value, for all leaves or those that define the run.
enum class Leaves { kAll, kDefining };

void collect(const io::Value& node, const std::string& prefix, Leaves leaves, io::Value& flat) {
  for (const io::Value::Member& member : node.as_map()) {
    const std::string key = prefix + member.key;
    if (leaves == Leaves::kDefining && may_change(key)) {
      continue;
    }
    if (member.value.is_map()) {
      collect(member.value, key + ".", leaves, flat);
    } else {
      flat.set(key, member.value);
    }
  }
}

struct Difference {
  std::string key, before, now;
};

std::string text_of(const io::Value* value) { return value == nullptr ? "(not set)" : io::to_json(*value, -1); }

std::optional<Difference> first_difference(const io::Value& before, const io::Value& now) {
  for (const io::Value* side : {&now, &before}) {
    for (const io::Value::Member& member : side->as_map()) {
      const std::string was = text_of(before.find(member.key)), is = text_of(now.find(member.key));
      if (was != is) {
        return Difference{.key = member.key, .before = was, .now = is};
      }
    }
  }
  return std::nullopt;
}

}  // namespace

io::Value RunIdentity::defining() const {
  io::Value flat = io::Value::map();
  collect(recipe, "", Leaves::kDefining, flat);
  flat.set("data fingerprint", fingerprint);
  return flat;
}

void check_same_on_all_ranks(const RunIdentity& identity, dist::Communicator& ranks) {
  io::Value mine = io::Value::map();
  collect(identity.recipe, "", Leaves::kAll, mine);
  mine.set("data fingerprint", identity.fingerprint);
  const std::vector<std::string> all = dist::gather_texts(ranks, io::to_json(mine, -1));
  for (std::size_t rank = 1; rank < all.size(); ++rank) {
    const auto difference = first_difference(io::parse_json(all[0], "rank 0"), io::parse_json(all[rank], fmt::format("rank {}", rank)));
    if (difference) {
      throw ConfigError("ranks were started with different recipes or data: {} is {} on rank 0 and {} on rank {}; give all ranks the same command and files",
                        difference->key, difference->before, difference->now, rank);
    }
  }
}

std::string RunIdentity::run_id() const { return xxh3_128_hex(io::to_json(defining(), -1)); }

int claim_run_folder(RunFolder& folder, const RunIdentity& identity, bool overwrite, const io::Value& facts) {
  if (overwrite && !folder.is_empty()) {
    const io::Value stored = folder.holds_run() ? io::read_value_file(folder.run_json()) : io::Value();
    const io::Value* id = stored.find("run_id");
    if (id != nullptr && *id == io::Value(identity.run_id())) {
      spdlog::info("{} holds this very run; it goes on, and overwrite=true removes nothing", folder.path().string());
    } else {
      spdlog::warn("overwrite=true: removing what {} holds", folder.path().string());
      folder.clear();
    }
  }
  std::int64_t starts = 0;
  if (folder.holds_run()) {
    const io::Value stored = io::read_value_file(folder.run_json());
    starts = stored.at("starts").as_int();
    if (const auto difference = first_difference(stored.at("defining"), identity.defining())) {
      throw ConfigError("{} holds another run: {} is {} there and {} here; choose another out=, or overwrite=true to remove that run",
                        folder.path().string(), difference->key, difference->before, difference->now);
    }
  } else if (!folder.is_empty()) {
    throw ConfigError("{} is not empty and holds no run of Muster; choose another out=, or overwrite=true to remove what it holds",
                      folder.path().string());
  }
  io::Value run = io::Value::map();
  run.set("run_id", identity.run_id());
  run.set("starts", starts + 1);
  for (const io::Value::Member& fact : facts.as_map()) {
    run.set(fact.key, fact.value);
  }
  run.set("data_fingerprint", identity.fingerprint);
  run.set("defining", identity.defining());
  write_file_atomically(folder.recipe_yaml(), io::to_yaml(identity.recipe));
  write_file_atomically(folder.run_json(), io::to_json(run) + "\n");
  return static_cast<int>(starts);
}

}  // namespace muster::train
