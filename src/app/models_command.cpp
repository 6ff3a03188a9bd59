// `muster models`: the architectures and published models there are; `muster models fetch`: their weights into the cache.
#include <fmt/format.h>

#include "app/command.hpp"
#include "app/fetch_weights.hpp"
#include "model/model.hpp"
#include "weights/weight_cache.hpp"

namespace muster::app {
namespace {

struct ModelsOptions {
  std::string action;
  std::string name;
  std::string sha256;
  std::int64_t size = 0;
};
template <class Visitor>
void visit(Visitor& v, ModelsOptions& o) {
  v.field("action", o.action, one_of({"", "fetch"}), "nothing: the list; fetch: weights into the cache");
  v.field("name", o.name, any_value(), "fetch: a name of the list, or an address (a file, or https://huggingface.co/OWNER/NAME)");
  v.field("sha256", o.sha256, any_value(), "fetch: what the file's SHA-256 begins with; empty = as published, where it was");
  v.field("size", o.size, at_least(0), "fetch: bytes that the file must have; 0 = whatever the server says");
}
void validate(const ModelsOptions& o) {
  if (o.action == "fetch" && o.name.empty()) {
    throw ConfigError("fetch what? `muster models fetch dinov2/vits14`, or an address; `muster models` lists the names");
  }
  if (o.action.empty() && !(o.name.empty() && o.sha256.empty() && o.size == 0)) {
    throw ConfigError("name, sha256 and size belong to `muster models fetch`");
  }
}

constexpr const char* kModelsUsage =
    "  muster models [--json]\n  muster models fetch NAME|ADDRESS [sha256=HEX] [size=BYTES]\n\n"
    "Examples, on a machine with a network (a login node; a job never fetches):\n"
    "  launch/muster models fetch dinov2/vits14\n"
    "  launch/muster models fetch https://huggingface.co/facebook/dinov2-small\n"
    "Files go to $MUSTER_MODEL_CACHE, else ~/.cache/muster, and come there whole or not at all; a cut-off download goes on where it was.\n";

std::int64_t parameters_of(const model::BackboneRow& row) {
  return model::parameter_count(*model::make_model(std::string(row.name), {}, 1, {.device = at::kMeta, .weights_follow = true}));
}

io::Value list_value() {
  io::Value backbones = io::Value::list();
  for (const model::BackboneRow& row : model::backbone_table()) {
    const weights::PublishedWeights published = weights::published_backbone(row);
    const auto cached = weights::find_cached(published);
    backbones.push_back(io::Value::map({{"name", row.name},
                                        {"parameters", parameters_of(row)},
                                        {"patch", row.patch},
                                        {"embedding", row.dim},
                                        {"blocks", row.depth},
                                        {"heads", row.heads},
                                        {"registers", row.storage_tokens},
                                        {"joint_blocks", row.joint_blocks},
                                        {"license", row.license},
                                        {"gated", published.gated()},
                                        {"file", published.file},
                                        {"url", published.url},
                                        {"hugging_face", published.repository},
                                        {"cached", cached ? io::Value(cached->string()) : io::Value()}}));
  }
  io::Value published = io::Value::list();
  for (const weights::PublishedModel& model : weights::published_models()) {
    const weights::PublishedWeights file = weights::published_weights(model);
    const auto cached = weights::find_cached(file);
    published.push_back(io::Value::map({{"name", model.name},
                                        {"file", file.file},
                                        {"url", file.url},
                                        {"sha256", file.sha256},
                                        {"cached", cached ? io::Value(cached->string()) : io::Value()}}));
  }
  io::Value names = io::Value::list();
  for (const std::string& name : model::model_names()) {
    names.push_back(name);
  }
  return io::Value::map({{"backbones", std::move(backbones)}, {"published_models", std::move(published)}, {"names", std::move(names)}});
}

void print_list() {
  fmt::print("{:<24} {:>13} {:>5} {:>9} {:>6}  {:<36} {}\n", "backbone", "parameters", "patch", "embedding", "blocks",
             "licence of the weights", "cached");
  for (const model::BackboneRow& row : model::backbone_table()) {
    const bool cached = weights::find_cached(weights::published_backbone(row)).has_value();
    fmt::print("{:<24} {:>13} {:>5} {:>9} {:>6}  {:<36} {}\n", row.name, parameters_of(row), row.patch, row.dim, row.depth, row.license,
               cached ? "yes" : "no");
  }
  fmt::print(
      "\nAppend -notpretrained for random weights and -eomt for segmentation: dinov3/vitt16-notpretrained-eomt. vittplus16 is vitt16plus "
      "too.\n");
  fmt::print("\n{:<40} {}\n", "EoMT models that LightlyTrain publishes", "cached");
  for (const weights::PublishedModel& model : weights::published_models()) {
    fmt::print("{:<40} {}\n", model.name, weights::find_cached(weights::published_weights(model)) ? "yes" : "no");
  }
  fmt::print("\nThe cache is {}; `muster models fetch NAME` fills it on a machine with a network.\n", weights::cache_folder().string());
}

ExitCode run_models(const ModelsOptions& options, const io::Value&, const Arguments& arguments) {
  if (options.action == "fetch") {
    const std::optional<std::uint64_t> bytes = options.size == 0 ? std::nullopt : std::optional(static_cast<std::uint64_t>(options.size));
    for (const std::filesystem::path& path : fetch_weights({.name = options.name, .sha256 = options.sha256, .bytes = bytes})) {
      fmt::print("{}\n", path.string());
    }
  } else if (arguments.json) {
    fmt::print("{}\n", io::to_json(list_value()));
  } else {
    print_list();
  }
  return ExitCode::kDone;
}

}  // namespace

Command models_command() {
  Command command = make_command<ModelsOptions>("models", "list the models, and fetch their weights", kModelsUsage, run_models);
  command.positional = {"action", "name"};
  command.textual = {"sha256"};
  return command;
}

}  // namespace muster::app
