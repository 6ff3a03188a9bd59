// `muster info`: what a weight file of any form, a checkpoint, or a packed dataset holds.
#include <filesystem>

#include <fmt/format.h>

#include "app/command.hpp"
#include "app/weight_report.hpp"
#include "data/dataset.hpp"

namespace muster::app {
namespace {

struct InfoOptions {
  std::string file;
  std::string data;
};
template <class Visitor>
void visit(Visitor& v, InfoOptions& o) {
  v.field("file", o.file, any_value(), "weight file, index or folder of any form, checkpoint, run, or a name in the cache");
  v.field("data", o.data, any_value(), "folder of a packed dataset");
}
void validate(const InfoOptions& o) {
  if (o.data.empty() == o.file.empty()) {
    throw ConfigError("name one thing to look at: a weight file, or the folder of a packed dataset as data=runs/sample");
  }
}

void print_dataset(const std::string& folder, bool json) {
  const data::Dataset dataset = data::Dataset::open(folder);
  if (json) {
    fmt::print("{}\n", data::manifest_json(dataset.manifest()));
    return;
  }
  const data::ClassList& classes = dataset.classes();
  fmt::print("{}: {}, {} classes, fingerprint {}\n", folder, dataset.manifest().task, classes.size(), dataset.fingerprint());
  for (const auto& [name, split] : dataset.manifest().splits) {
    fmt::print("\n{}: {} samples in {} shard(s), {:.1f} million pixels\n", name, split.num_samples, split.shards.size(),
               static_cast<double>(split.statistics.pixels) / 1e6);
    for (std::size_t i = 0; i < classes.size(); ++i) {
      fmt::print("  {:>5} {:<24} {:>6.2f} % of the pixels, in {} images\n", classes.ids[i], classes.names[i],
                 100.0 * static_cast<double>(split.statistics.class_pixels[i]) /
                     static_cast<double>(std::max<std::uint64_t>(1, split.statistics.pixels)),
                 split.statistics.class_images[i]);
    }
  }
}

ExitCode run_info(const InfoOptions& options, const io::Value&, const Arguments& arguments) {
  if (!options.data.empty()) {
    print_dataset(options.data, arguments.json);
  } else {
    const io::Value report = weight_report(options.file);
    fmt::print("{}\n", arguments.json ? io::to_json(report) : weight_report_text(report));
  }
  return ExitCode::kDone;
}

}  // namespace

Command info_command() {
  Command command = make_command<InfoOptions>(
      "info", "show what a weight file, a checkpoint or a packed dataset holds",
      "  muster info FILE|DIR|NAME\n  muster info data=DIR\n\n"
      "Examples, after a training run in runs/a on runs/sample:\n"
      "  launch/muster info runs/a        launch/muster info runs/a/checkpoints/last        launch/muster info data=runs/sample\n"
      "Of weights: form, model, tensors and their types, classes, where they come from, and a hash of all bytes.\n",
      run_info);
  command.positional = {"file"};
  return command;
}

}  // namespace muster::app
