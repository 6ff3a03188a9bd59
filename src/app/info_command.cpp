// `muster info`: what a weight file of any form, a checkpoint, or a packed dataset holds.
#include <filesystem>
#include <optional>

#include <fmt/format.h>

#include "app/command.hpp"
#include "app/dataset_report.hpp"
#include "app/dataset_sheet.hpp"
#include "app/evaluation_sheet.hpp"
#include "app/weight_report.hpp"
#include "data/dataset.hpp"

namespace muster::app {
namespace {

struct InfoOptions {
  std::string file;
  std::string data;
  std::string contact_sheet;
  std::string split;
  int samples = 32;
  std::optional<std::int64_t> seed;
};
template <class Visitor>
void visit(Visitor& v, InfoOptions& o) {
  v.field("file", o.file, any_value(),
          "packed dataset; or weight file, index or folder of any form, checkpoint, run, or a name in the cache");
  v.field("data", o.data, any_value(), "folder of a packed dataset");
  v.field("contact_sheet", o.contact_sheet, any_value(),
          "PNG to write: samples of a dataset with their masks, segments or classes, to see whether pairing and classes are right");
  v.field("split", o.split, any_value(), "of the contact sheet; empty = val, or the first where there is none");
  v.field("samples", o.samples, between(1, 1000), "on the contact sheet");
  v.field("seed", o.seed, at_least(0), "draws the samples of the contact sheet; without it they are evenly spread over the split");
}
void validate(const InfoOptions& o) {
  if (o.data.empty() == o.file.empty()) {
    throw ConfigError("name one thing to look at: a weight file, or the folder of a packed dataset, runs/sample or data=runs/sample");
  }
}

std::string sheet_split(const data::Dataset& dataset, const std::string& wanted) {
  const std::vector<std::string> names = dataset.split_names();
  return !wanted.empty() ? wanted : dataset.has_split("val") || names.empty() ? "val" : names.front();
}

void show_dataset(const std::string& folder, const InfoOptions& options, bool json) {
  const data::Dataset dataset = data::Dataset::open(folder);
  const io::Value report = dataset_report(dataset);
  fmt::print("{}{}", json ? io::to_json(report) : dataset_report_text(report), json ? "\n" : "");
  if (!options.contact_sheet.empty()) {
    const SheetRequest request{.samples = static_cast<std::uint32_t>(options.samples),
                               .seed = options.seed ? std::optional<std::uint64_t>(*options.seed) : std::nullopt};
    write_contact_sheet(options.contact_sheet,
                        dataset_sheet(dataset.split(sheet_split(dataset, options.split)), dataset.classes(), request));
  }
}

ExitCode run_info(const InfoOptions& options, const io::Value&, const Arguments& arguments) {
  if (!options.data.empty() || is_dataset_folder(options.file)) {
    show_dataset(options.data.empty() ? options.file : options.data, options, arguments.json);
    return ExitCode::kDone;
  }
  if (!options.contact_sheet.empty()) {
    throw ConfigError("contact_sheet={}: {} is no packed dataset, and only those have samples to show", options.contact_sheet,
                      options.file);
  }
  const io::Value report = weight_report(options.file);
  fmt::print("{}\n", arguments.json ? io::to_json(report) : weight_report_text(report));
  return ExitCode::kDone;
}

}  // namespace

Command info_command() {
  Command command = make_command<InfoOptions>(
      "info", "show what a packed dataset, a weight file or a checkpoint holds",
      "  muster info DATASET [contact_sheet=FILE.png [split=val] [samples=32] [seed=N]] [--json]\n  muster info FILE|DIR|NAME\n\n"
      "Examples, after a training run in runs/a on runs/sample:\n"
      "  launch/muster info runs/sample contact_sheet=runs/sample.png\n"
      "  launch/muster info runs/a        launch/muster info runs/a/checkpoints/last\n"
      "Of a dataset: counts, shards, fingerprints, sizes, mean and standard deviation, classes; --json has the members of its\n"
      "manifest.json (src/data/FORMAT.md).\n"
      "Of weights: form, model, tensors and their types, classes, where they come from, and a hash of all bytes.\n",
      run_info);
  command.positional = {"file"};
  return command;
}

}  // namespace muster::app
