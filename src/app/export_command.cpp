// `muster export`: the weights of a run or checkpoint as one safetensors file.
#include <fmt/format.h>

#include "app/command.hpp"
#include "app/model_source.hpp"
#include "weights/weight_file.hpp"

namespace muster::app {
namespace {

struct ExportOptions {
  std::string model;
  std::string out;
};
template <class Visitor>
void visit(Visitor& v, ExportOptions& o) {
  v.field("model", o.model, any_value(), "folder of a run (its best, else its last) or of a checkpoint");
  v.field("out", o.out, any_value(), "the file to write, FILE.safetensors");
}
void validate(const ExportOptions& o) {
  if (o.model.empty() || o.out.empty()) {
    throw ConfigError("{} is not set; an export takes model=runs/a out=best.safetensors", o.model.empty() ? "model" : "out");
  }
  if (!o.out.ends_with(".safetensors")) {
    throw ConfigError("out={} should end in .safetensors, the format that is written", o.out);
  }
}

constexpr const char* kUsage =
    "  muster export model=RUN|CHECKPOINT out=FILE.safetensors\n\n"
    "Example: launch/muster export model=runs/a/checkpoints/last out=runs/last.safetensors\n"
    "The file holds every weight in fp32 with the class list, image rules and transform settings; Python's safetensors reads it.\n";

ExitCode run_export(const ExportOptions& options, const io::Value&, const Arguments&) {
  const LoadedModel loaded = load_model(options.model);
  const std::filesystem::path out = options.out;
  if (out.has_parent_path()) {
    std::filesystem::create_directories(out.parent_path());
  }
  weights::export_weights(out, weights::stored_tensors(*loaded.model, loaded.parameters), loaded.info);
  fmt::print("wrote {} ({}, step {}, {} classes)\n", options.out, loaded.info.model, loaded.info.step, loaded.info.classes.size());
  return ExitCode::kDone;
}

}  // namespace

Command export_command() { return make_command<ExportOptions>("export", "write a model's weights to one safetensors file", kUsage, run_export); }

}  // namespace muster::app
