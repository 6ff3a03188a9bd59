// `muster verify`: is a packed dataset what its manifest says?
#include <filesystem>
#include <optional>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "app/command.hpp"
#include "dist/session.hpp"
#include "pack/verify.hpp"

namespace muster::app {
namespace {

struct VerifyKeys {
  std::string data;
  std::string level = "crc";
  std::vector<std::string> source;
  int threads = 0;
};
template <class Visitor>
void visit(Visitor& v, VerifyKeys& o) {
  v.field("data", o.data, any_value(), "folder of a packed dataset");
  v.field("level", o.level, one_of({"quick", "crc", "decode"}),
          "quick: files and columns; crc: every byte; decode: every pixel, label and segment");
  v.field(
      "source", o.source, any_value(),
      "also compare with what it was packed from: RECIPE.yaml, or the words of the pack command, [images=DIR, masks=DIR, classes=FILE]; "
      "or DIR or [DIR, ...], images alone");
  v.field("threads", o.threads, between(0, 1024), "of each rank; 0 = one per processor");
}
void validate(const VerifyKeys& o) {
  if (o.data.empty()) {
    throw ConfigError("data is not set; give the folder of a packed dataset, data=runs/sample");
  }
}

constexpr const char* kVerifyUsage =
    "  muster verify DIR [level=quick|crc|decode] [source=RECIPE.yaml] [--json]\n\n"
    "Examples, after `launch/muster pack datasets/sample/pack.yaml`:\n"
    "  launch/muster verify runs/sample\n"
    "  launch/muster -n 2 verify runs/sample level=decode source=datasets/sample/pack.yaml\n"
    "Ends with 3 when there are problems; each is named with its shard, sample and file name. Ranks and threads share the work, and the\n"
    "report is the same for any number of them.\n";

// source=X is source=[X].
void make_source_a_list(io::Value& tree) {
  if (const io::Value* source = tree.find("source"); source != nullptr && source->is_string()) {
    const std::string word = source->as_string();
    tree.set("source", io::Value(io::Value::List{word}));
  }
}

// A folder, a recipe, or words of the pack command, which are told apart by what they are.
pack::VerifySources sources_of(const std::vector<std::string>& words) {
  pack::VerifySources sources;
  std::optional<std::filesystem::path> recipe;
  std::vector<std::string> overrides;
  for (const std::string& word : words) {
    if (std::filesystem::is_directory(word)) {
      sources.folders.emplace_back(word);
    } else if (std::filesystem::is_regular_file(word) && !recipe) {
      recipe = word;
    } else if (word.find('=') != std::string::npos) {
      overrides.push_back(word);
    } else {
      throw ConfigError("source: {} is neither a folder, nor a recipe, nor a key=value of the pack command", word);
    }
  }
  if (!recipe && overrides.empty()) {
    return sources;
  }
  if (!sources.folders.empty()) {
    throw ConfigError("source: give either folders of images, or what the pack command was given, not both");
  }
  io::Value tree = config::recipe_tree(recipe, overrides);
  if (tree.find("out") == nullptr) {
    tree.set("out", "unused");  // nothing is packed here
  }
  sources.recipe = config::read_options<pack::PackOptions>(tree);
  return sources;
}

void print_report(const pack::VerifyReport& report, const std::string& folder) {
  for (const std::string& notice : report.notices) {
    spdlog::info("{}", notice);
  }
  for (const pack::VerifyProblem& problem : report.problems) {
    fmt::print("{}\n", problem.text());
  }
  fmt::print("{}: {} splits, {} shards, {} samples, {} problem{}\n", folder, report.splits, report.shards, report.samples,
             report.problems.size(), report.problems.size() == 1 ? "" : "s");
}

ExitCode run_verify(const VerifyKeys& keys, const io::Value&, const Arguments& arguments) {
  dist::Communicator& ranks = arguments.session->world();
  const pack::VerifyOptions options{
      .level = pack::verify_level_from_name(keys.level), .threads = keys.threads, .sources = sources_of(keys.source)};
  const pack::VerifyReport report = pack::verify(keys.data, options, ranks);
  if (ranks.rank() == 0 && arguments.json) {
    fmt::print("{}\n", pack::verify_json(report, keys.data, keys.level));
  } else if (ranks.rank() == 0) {
    print_report(report, keys.data);
  }
  return report.problems.empty() ? ExitCode::kDone : ExitCode::kData;
}

}  // namespace

Command verify_command() {
  Command command = make_command<VerifyKeys>("verify", "check every byte of a packed dataset", kVerifyUsage, run_verify, make_source_a_list);
  command.over_ranks = true;
  command.positional = {"data"};
  return command;
}

}  // namespace muster::app
