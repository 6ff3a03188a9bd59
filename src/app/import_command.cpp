// `muster import`: a published or foreign weight file as one of ours.
#include <filesystem>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "app/command.hpp"
#include "app/weight_source.hpp"
#include "app/weight_words.hpp"

namespace muster::app {
namespace {

struct ImportOptions {
  std::string file;
  std::string out;
  std::string base;
  std::string name;
  std::string dtype = "stored";
  std::vector<std::string> allow_missing;
  std::vector<std::string> allow_unexpected;
};
template <class Visitor>
void visit(Visitor& v, ImportOptions& o) {
  v.field("file", o.file, any_value(), "weight file, index or folder of any form, or a name whose weights are in the cache");
  v.field("out", o.out, any_value(), "the file to write, FILE.safetensors");
  v.field("base", o.base, any_value(), "backbone file of upstream EoMT's DINOv3 files; empty = from the cache");
  v.field("name", o.name, any_value(), "model that the file must hold, such as dinov3/vitl16-sat493m; empty = as recognised");
  v.field("dtype", o.dtype, one_of({"stored", "fp32", "bf16", "fp16"}), "element type to write");
  v.field("allow_missing", o.allow_missing, any_value(),
          "patterns ('*' = any text) of Muster's tensors that the file may lack; they are drawn");
  v.field("allow_unexpected", o.allow_unexpected, any_value(), "patterns of the file's tensors that may be left out");
}
void validate(const ImportOptions& o) {
  if (o.file.empty() || o.out.empty()) {
    throw ConfigError("{} is not set; an import takes a file and out=FILE.safetensors", o.file.empty() ? "file" : "out");
  }
  if (!o.out.ends_with(".safetensors")) {
    throw ConfigError("out={} should end in .safetensors, the format that is written", o.out);
  }
}

constexpr const char* kImportUsage =
    "  muster import FILE|DIR|NAME out=FILE.safetensors [base=FILE] [name=MODEL]\n\n"
    "Example: launch/muster import dinov2/vits14 out=runs/dinov2_vits14.safetensors     after `muster models fetch dinov2/vits14`\n"
    "Reads Meta's .pth, Hugging Face's safetensors (file, index, folder), EoMT's .ckpt, LightlyTrain's exported_*.pt, and our own; told "
    "by\n"
    "the names and shapes of the tensors. Prints what was loaded, skipped by which rule, and missing. Training, eval, autolabel, forward "
    "and\n"
    "export read these files directly too.\n";

ExitCode run_import(const ImportOptions& options, const io::Value&, const Arguments& arguments) {
  const WeightSource source(find_model(options.file),
                            {.base = options.base,
                             .model = options.name,
                             .load = {.allow_missing = options.allow_missing, .allow_unexpected = options.allow_unexpected, .keep = {}}});
  if (source.opened() == nullptr) {
    throw ConfigError("{} is a training checkpoint; muster export model={} out={} writes its weights", options.file, options.file,
                      options.out);
  }
  const std::filesystem::path out = options.out;
  if (out.has_parent_path()) {
    std::filesystem::create_directories(out.parent_path());
  }
  const weights::ExportReport report = weights::export_muster(out, source.supply(), source.info(), {.dtype = type_named(options.dtype)});
  if (arguments.json) {
    io::Value value = plan_value(source.opened()->plan());
    value.set("model", source.info().model);
    value.set("parameters", model::parameter_count(source.model()));
    value.set("hash", source.opened()->file().hash());
    value.set("out", options.out);
    fmt::print("{}\n", io::to_json(value));
    return ExitCode::kDone;
  }
  fmt::print("{}\nwrote {}: {}, {} parameters, {} tensors, {:.1f} MB\n", source.opened()->announcement(), options.out, source.info().model,
             model::parameter_count(source.model()), report.tensors, static_cast<double>(report.bytes) / 1e6);
  return ExitCode::kDone;
}

}  // namespace

Command import_command() {
  Command command = make_command<ImportOptions>("import", "turn a published weight file into one of Muster's", kImportUsage, run_import);
  command.positional = {"file"};
  return command;
}

}  // namespace muster::app
