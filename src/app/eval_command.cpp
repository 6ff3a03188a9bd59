// `muster eval`: the scores of a model on a split of a packed dataset.
#include <algorithm>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "app/command.hpp"
#include "app/evaluation_sheet.hpp"
#include "app/model_source.hpp"
#include "data/dataset.hpp"
#include "dist/session.hpp"
#include "dist/watchdog.hpp"
#include "model/plain_runner.hpp"
#include "train/eval_report.hpp"
#include "train/shared_data.hpp"

namespace muster::app {
namespace {

struct EvalRanks {
  dist::TimeoutOptions timeout_s;
};
template <class Visitor>
void visit(Visitor& v, EvalRanks& o) {
  v.group("timeout_s", o.timeout_s);
}

struct EvalOptions {
  std::string model;
  std::string data;
  std::string split = "val";
  std::string out;
  int batch_size = 4;
  std::string contact_sheet;
  int contact_sheet_images = 8;
  EvalRanks parallel;
};
template <class Visitor>
void visit(Visitor& v, EvalOptions& o) {
  v.field("model", o.model, any_value(), "weight file, checkpoint, or folder of a run (its best, else its last)");
  v.field("data", o.data, any_value(), "folder of a packed dataset");
  v.field("split", o.split, any_value(), "which of its splits");
  v.field("out", o.out, any_value(), "folder for eval.json; empty = print the table alone");
  v.field("batch_size", o.batch_size, at_least(1), "windows that the model sees at once");
  v.field("contact_sheet", o.contact_sheet, any_value(), "PNG to write: image, truth and prediction side by side for some images");
  v.field("contact_sheet_images", o.contact_sheet_images, between(1, 200), "how many, evenly spread over the split");
  v.group("parallel", o.parallel);
}
void validate(const EvalOptions& o) {
  if (o.model.empty() || o.data.empty()) {
    throw ConfigError("{} is not set; an evaluation takes model=runs/a data=runs/sample", o.model.empty() ? "model" : "data");
  }
}

constexpr const char* kEvalUsage =
    "  muster eval model=FILE|RUN data=DIR [split=val] [out=DIR] [contact_sheet=FILE.png]\n\n"
    "Example, after a training run in runs/a:\n"
    "  launch/muster eval model=runs/a data=runs/sample out=runs/a/eval\n\n"
    "miou is measured at each image's original size, miou_model at the size that the model sees; classes that occur in neither\n"
    "truth nor prediction are left out of the mean.\n";

// Ids are what both sides mean by a class; a name may be spelled differently.
std::vector<std::int32_t> check_classes(const data::ClassList& packed, const weights::WeightsInfo& info) {
  std::vector<std::int32_t> ignored;
  std::vector<std::int32_t> expected;
  for (const weights::ClassEntry& entry : info.classes) {
    expected.push_back(entry.id);
  }
  for (const std::int32_t id : packed.ids) {
    if (std::ranges::find(expected, id) == expected.end()) {
      if (std::ranges::find(info.ignored_classes, id) == info.ignored_classes.end()) {
        throw ConfigError("the data has class {} that the model does not know; evaluate on the classes it was trained on", id);
      }
      ignored.push_back(id);
    }
  }
  if (packed.ids.size() - ignored.size() != expected.size()) {
    throw ConfigError("the model knows {} classes, the data has {} of them; evaluate on data that was packed with the model's class list",
                      expected.size(), packed.ids.size() - ignored.size());
  }
  return ignored;
}

ExitCode run_eval(const EvalOptions& options, const io::Value&, const Arguments& arguments) {
  dist::Communicator& ranks = arguments.session->world();
  std::optional<dist::Watchdog> watchdog(std::in_place, ranks, arguments.session->environment(),
                                         std::filesystem::path(options.out) / "flight", "eval of " + options.model,
                                         options.parallel.timeout_s);
  std::optional<data::Dataset> opened;
  std::optional<data::ShardReader> opened_split;
  const auto open_on = [&](bool here, data::IndexCheck check) {
    train::on_all_ranks(ranks, [&] {
      if (here) {
        opened.emplace(data::Dataset::open(options.data));
        opened_split.emplace(opened->split(options.split, check));
      }
    });
  };
  const bool first_of_node = arguments.session->environment().local_rank == 0;
  open_on(first_of_node, data::IndexCheck::kWhole);  // its hash is right before the others of the node open the index
  open_on(!first_of_node, data::IndexCheck::kLayout);
  const data::Dataset& dataset = *opened;
  const data::ShardReader& reader = *opened_split;
  train::check_same_data(ranks, "data", fmt::format("split {} with fingerprint {}", options.split, reader.fingerprint()));
  const LoadedModel loaded = load_model(options.model);
  const data::TrainClasses classes(dataset.classes(), check_classes(dataset.classes(), loaded.info));
  task::SemanticSegmentation task = make_task(loaded, classes, options.batch_size);
  model::PlainRunner runner(loaded.parameters);
  dist::CommunicatorReducer reducer(ranks);
  const train::EvaluationResult result = train::evaluate(task, runner, reader, reducer);
  watchdog.reset();  // from here on the others wait for rank 0, as long as that may take
  if (reducer.rank() != 0) {
    return ExitCode::kDone;
  }
  if (!options.out.empty()) {
    std::filesystem::create_directories(options.out);
    train::write_eval_json(std::filesystem::path(options.out) / "eval.json", result, options.split, loaded.source, loaded.info.step);
  }
  if (!options.contact_sheet.empty()) {
    write_contact_sheet(options.contact_sheet, evaluation_sheet(task, runner, reader, classes, options.contact_sheet_images));
  }
  if (!arguments.json) {
    fmt::print("{}", train::score_table(result));
  } else {
    fmt::print("{}\n", train::eval_json(result, options.split, loaded.source, loaded.info.step));
  }
  return ExitCode::kDone;
}

}  // namespace

Command eval_command() {
  Command command = make_command<EvalOptions>("eval", "score a model on a packed dataset", kEvalUsage, run_eval);
  command.over_ranks = true;
  return command;
}

}  // namespace muster::app
