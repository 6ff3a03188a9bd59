#include "app/packed_data.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <filesystem>
#include <string_view>

#include <ATen/Parallel.h>
#include <spdlog/spdlog.h>

#include "app/data_cache.hpp"
#include "core/error.hpp"
#include "pack/class_file.hpp"
#include "pack/label_notes.hpp"
#include "pack/pack.hpp"
#include "pack/source_keys.hpp"

namespace muster::app {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kPackArgs = "pack_args.";
constexpr std::string_view kUse = "use ";
constexpr const char* kPlainText = "(packed from the folders of this recipe)";

// Keys of `muster pack` that the recipe of a run says in another way, or that make no sense in a cache.
constexpr std::array<std::string_view, 9> kNotOfARun{"task", "images", "masks", "annotations", "csv", "split", "out", "restart", "append"};

double megabytes(std::uintmax_t bytes) {
  return static_cast<double>(bytes) / 1e6;
}

// Ids that ignore_classes names, in the recipe or in a file of classes, and that are classes: packed as such, left out when the run learns
// (CONTRACTS 14).
void ignore_when_learning(io::Value& tree, pack::PackOptions& options) {
  const bool semantic = options.task == "semantic_segmentation";
  if (!pack::has_declared_classes(options) && !(semantic && pack::shared_label_notes(options))) {
    return;
  }
  std::vector<std::string> notices;  // pack() tells them
  for (const std::int32_t ignored : pack::declared_classes(options, notices).ignored_classes) {
    std::erase(options.data.ignore_classes, ignored);  // pack() need not tell that it packs them
    const io::Value id(ignored);
    const io::Value* list = tree.find("ignore_classes");
    if (list == nullptr || !list->is_list() || std::ranges::find(list->as_list(), id) == list->as_list().end()) {
      tree["ignore_classes"].push_back(id);
    }
  }
}

// The recipe's words as `muster pack` knows them. ConfigError, with the recipe's own names, for keys that do not exist.
pack::PackOptions pack_options(const io::Value& tree, const io::Value& recipe) {
  io::Value words = io::Value::map({{"data", recipe.at("data")}});
  if (const io::Value* task = tree.find("task")) {
    words.set("task", *task);
  }
  pack::expand_source_keys(words);
  words.set("out", kPlainText);
  io::Value keys = recipe;
  keys.set("data", words.at("data"));
  config::refuse_unknown_keys(keys, plain_data_fields());
  if (const io::Value* more = recipe.find("pack_args"); more != nullptr && more->is_map()) {
    if (const io::Value* file = words.find("classes"); file != nullptr && more->find("classes") != nullptr) {
      throw ConfigError("data.classes={} and pack_args.classes={} both name classes; give one of them", io::to_json(*file, -1),
                        io::to_json(more->at("classes"), -1));
    }
    for (const io::Value::Member& member : more->as_map()) {
      words.set(member.key, member.value);
    }
  }
  return config::read_options<pack::PackOptions>(words);
}

// Where the file system of a folder that may not be there yet has its room.
std::uintmax_t free_bytes(const fs::path& folder) {
  fs::path there = fs::absolute(folder).lexically_normal();
  while (!fs::exists(there) && there != there.parent_path()) {
    there = there.parent_path();
  }
  return fs::space(there).available;
}

void say_size(const SourceContent& content, const fs::path& folder, bool dry_run) {
  const std::uintmax_t available = free_bytes(folder.parent_path());
  spdlog::info("{}: {} files with {:.1f} MB {} packed into {}{}; {:.1f} MB are free there{}", dry_run ? "dry run" : "data",
               content.files.size(), megabytes(content.bytes), dry_run ? "would be" : "are", folder.string(), dry_run ? " first" : "",
               megabytes(available), dry_run ? "; whether data and model fit is told after that" : "");
  if (available < content.bytes) {
    spdlog::warn("data: that may not fit; another place is chosen by data_cache=FOLDER or MUSTER_DATA_CACHE");
  }
}

// What all ranks do, and with which folder: kUse, or packing it (or only looking, in a dry run).
std::string decide(const PlainData& data, const std::string& out, bool dry_run, std::optional<CachedData>& cached) {
  const SourceContent content = source_content(data.pack);
  const fs::path cache = data_cache_folder(data.cache, out);
  const FoundContent found = find_content(cache, content);
  cached.emplace(cache, found.fingerprint);
  const std::string folder = cached->folder().string();
  if (!cached->complete() && !dry_run) {
    cached->lock();  // whoever had it may have packed this very data set
  }
  if (!dry_run) {
    found.remember();
  }
  if (cached->complete()) {
    spdlog::info("data: {} holds these {} files, packed before", folder, content.files.size());
    return std::string(kUse) + folder;
  }
  if (!dry_run) {
    cached->clear_damage();
  }
  say_size(content, cached->folder(), dry_run);
  return "pack " + folder;
}

}  // namespace

std::vector<config::FieldHelp> plain_data_fields() {
  std::vector<config::FieldHelp> fields;
  std::vector<config::FieldHelp> more;
  for (config::FieldHelp& field : config::fields_of<pack::PackOptions>()) {
    if (field.key.starts_with("data.")) {
      fields.push_back(std::move(field));
    } else if (std::ranges::find(kNotOfARun, field.key) == kNotOfARun.end()) {
      field.key.insert(0, kPackArgs);
      more.push_back(std::move(field));
    }
  }
  fields.push_back({.key = "data_cache",
                    .default_value = "\"\"",
                    .wanted = "",
                    .help = "where folders of images are packed; default $MUSTER_DATA_CACHE, else the folder data_cache beside `out`"});
  std::ranges::move(more, std::back_inserter(fields));
  return fields;
}

std::optional<PlainData> take_plain_data(io::Value& tree) {
  PlainData plain{.pack = {}, .cache = {}, .recipe = io::Value::map()};
  const io::Value* data = tree.find("data");
  const bool has_folders = data != nullptr && data->is_map();
  for (const char* key : {"data", "data_cache", "pack_args"}) {
    if (const io::Value* value = tree.find(key); value != nullptr && (has_folders || std::string_view(key) != "data")) {
      plain.recipe.set(key, *value);
    }
  }
  tree.erase("data_cache");
  tree.erase("pack_args");
  if (!has_folders) {
    config::refuse_unknown_keys(plain.recipe, plain_data_fields());
    return std::nullopt;
  }
  if (const io::Value* cache = plain.recipe.find("data_cache"); cache != nullptr && !cache->is_null()) {
    plain.cache = cache->as_string();
  }
  plain.pack = pack_options(tree, plain.recipe);
  ignore_when_learning(tree, plain.pack);
  tree.set("data", kPlainText);
  return plain;
}

std::optional<std::string> packed_data(const PlainData& data, const std::string& out, bool dry_run, dist::Communicator& ranks) {
  std::optional<CachedData> cached;  // on rank 0; holds the lock while it is packed
  const std::string todo = dist::broadcast_text(ranks, ranks.rank() == 0 ? decide(data, out, dry_run, cached) : "", 0);
  const std::string folder = todo.substr(todo.find(' ') + 1);
  if (todo.starts_with(kUse)) {
    return folder;
  }
  pack::PackOptions options = data.pack;
  options.threads = options.threads > 0 ? options.threads : at::get_num_threads();  // this rank's share of the processors
  const auto tell = [&](const pack::PreflightReport& report) {
    if (cached) {
      spdlog::info("data: what was found\n{}", pack::report_text(report, dry_run));
    }
  };
  if (dry_run) {
    const pack::PreflightReport report = pack::preflight(options, ranks);
    tell(report);
    report.throw_if_bad(options);
    return std::nullopt;
  }
  options.out = folder;
  options.restart = true;  // what an interrupted packing left goes on, or is thrown away when its files have other times now
  const pack::PackSummary summary = pack::pack(options, ranks, tell);
  if (cached) {
    cached->record(options);
    for (const std::string& notice : summary.notices) {
      spdlog::info("data: {}", notice);
    }
  }
  return folder;
}

}  // namespace muster::app
