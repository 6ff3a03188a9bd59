// `muster models`: the architectures there are, and which of them start without a weight file.
#include <fmt/format.h>

#include "app/command.hpp"
#include "model/model_table.hpp"

namespace muster::app {
namespace {

struct ModelsOptions {};
template <class Visitor>
void visit(Visitor&, ModelsOptions&) {}
void validate(const ModelsOptions&) {}

ExitCode run_models(const ModelsOptions&, const io::Value&, const Arguments& arguments) {
  if (arguments.json) {
    io::Value list = io::Value::list();
    for (const std::string& name : model::model_names()) {
      list.push_back(name);
    }
    fmt::print("{}\n", io::to_json(list));
    return ExitCode::kDone;
  }
  fmt::print("{:<22} {:>5} {:>6} {:>6}  {}\n", "backbone", "dim", "depth", "heads", "weight file");
  for (const model::BackboneRow& row : model::backbone_table()) {
    fmt::print("{:<22} {:>5} {:>6} {:>6}  {}\n", row.name, row.dim, row.depth, row.heads, row.weights_file);
  }
  fmt::print("\nAppend -notpretrained for random weights and -eomt for segmentation: dinov3/vitt16-notpretrained-eomt\n");
  return ExitCode::kDone;
}

}  // namespace

Command models_command() {
  return make_command<ModelsOptions>("models", "list the architectures", "  muster models\n", run_models);
}

}  // namespace muster::app
