// `muster autolabel`: masks for an image, a folder or a list, by any number of ranks, jobs and restarts.
#include <span>

#include <ATen/core/grad_mode.h>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "app/command.hpp"
#include "app/model_source.hpp"
#include "core/hash.hpp"
#include "dist/session.hpp"
#include "label/exclusive_file.hpp"
#include "label/label_options.hpp"
#include "label/labelling.hpp"
#include "model/matrix_kernels.hpp"
#include "model/plain_runner.hpp"
#include "weights/weight_file.hpp"

namespace muster::app {
namespace {

constexpr const char* kAutolabelUsage =
    "  muster autolabel model=FILE|RUN data=IMAGE|DIR|LIST.txt out=DIR\n\n"
    "Example, after a training run in runs/a:\n"
    "  launch/muster -n 2 autolabel model=runs/a data=datasets/sample/photos out=runs/labels\n\n"
    "Writes OUT/<relative path>.png, pixel value = class id, at the image's upright size, and in OUT/_muster/ the journal, classes.yaml\n"
    "and some overlays to look at. Start the same command as often and on as many machines as you like: each image is labelled once,\n"
    "what a killed worker left is taken over, and a finished labelling says so. OUT is packed by `muster pack images=DATA masks=OUT`.\n"
    "--dry-run looks for images and model, and says what would be labelled.\n";

// All that decides the bytes of a mask, beside the image.
std::string hash_of_labeller(const LoadedModel& loaded, int batch_size) {
  weights::WeightsInfo info = loaded.info;
  info.run_id.clear();
  info.step = 0;
  info.metric.clear();
  info.metric_value.reset();
  Xxh3Stream hash;
  hash.update(fmt::format("{} batch_size={}", weights::to_json(info), batch_size));
  for (const model::NamedTensor& stored : weights::stored_tensors(*loaded.model, loaded.parameters)) {
    const at::Tensor values = stored.tensor.detach().cpu().contiguous();
    hash.update(stored.name);
    hash.update(values.const_data_ptr(), values.nbytes());
  }
  return hash.hex();
}

label::LabelledClasses labelled_classes(const weights::WeightsInfo& info) {
  label::LabelledClasses classes;
  for (const weights::ClassEntry& entry : info.classes) {
    classes.ids.push_back(entry.id);
    classes.names.push_back(entry.name);
    classes.colors.push_back(entry.color);
  }
  return classes;
}

class SemanticPredictor final : public label::Predictor {
 public:
  SemanticPredictor(const task::SemanticSegmentation& task, model::BlockRunner& runner) : batcher_(task.batcher(runner)) {}

  std::vector<label::Predicted> push(std::size_t ticket, const image::Image& image) override { return moved(batcher_.push(ticket, image)); }
  std::vector<label::Predicted> flush() override { return moved(batcher_.flush()); }

 private:
  static std::vector<label::Predicted> moved(std::vector<task::WindowBatcher::Labelled> complete) {
    std::vector<label::Predicted> predicted;
    for (task::WindowBatcher::Labelled& labelled : complete) {
      predicted.push_back({.ticket = labelled.ticket, .labels = std::move(labelled.labels)});
    }
    return predicted;
  }

  task::WindowBatcher batcher_;
};

void print_summary(const label::LabelSummary& summary, const label::LabelFolder& folder) {
  const std::size_t own = summary.own.labelled;
  if (summary.was_finished) {
    fmt::print("{} was labelled before: {} masks, nothing was left to do\n", folder.out.string(), summary.labelled);
  } else {
    fmt::print("{} images labelled in {:.1f} s, {:.2f} images/s{}\n", summary.labelled, summary.seconds,
               static_cast<double>(summary.labelled) / summary.seconds,
               own == summary.labelled ? "" : fmt::format(" ({} of them by this worker)", own));
    fmt::print("masks {}, overlays {}, journal {}\n", folder.out.string(), folder.overlays().string(), folder.merged_journal().string());
  }
  if (summary.failed > 0) {
    fmt::print("{} images could not be read and have no mask, see {}\n", summary.failed, folder.failed().string());
  }
}

ExitCode run_autolabel(const label::LabelOptions& options, const io::Value&, const Arguments& arguments) {
  const int rank = arguments.session->environment().rank;
  // Workers share a machine in different numbers, and so have different numbers of threads.
  if (!model::keep_order_of_sums() && rank == 0) {
    spdlog::warn("the masks' last bits may depend on the number of threads: this LibTorch does not come with MKL");
  }
  const label::LabelFolder folder{.out = options.out};
  label::ImageList list = label::list_images(options.data, options.out, options.on_collision == "keep_extension");
  const LoadedModel loaded = load_model(options.model);
  const data::TrainClasses train_classes = classes_of(loaded.info);
  const label::LabelledClasses classes = labelled_classes(loaded.info);
  const label::WorkerSettings settings{.worker = label::this_worker(),
                                       .lease_s = options.lease_s,
                                       .threads = options.threads,
                                       .lookahead = static_cast<std::size_t>(options.batch_size) + 1,
                                       .overlays = options.overlays};
  const std::string worker = settings.worker.name();
  if (arguments.dry_run) {
    if (rank == 0) {
      fmt::print("{} images below {}, the first {} to {}; {} files of other kinds\n", list.images.size(), list.root.string(), list.images.front().key,
                 (folder.out / list.images.front().mask).string(), list.other_files);
    }
    return ExitCode::kDone;
  }
  const label::LabelPlan plan =
      label::join_plan(label::make_plan(std::move(list), loaded.source, hash_of_labeller(loaded, options.batch_size)), folder, worker);
  label::create_exclusively(folder.classes(), folder.temporaries() / worker, label::class_notes(classes));
  if (rank == 0) {
    spdlog::info("{} images below {} in {} chunks; {} files of other kinds were left alone", plan.list.images.size(),
                 plan.list.root.string(), plan.num_chunks(), plan.list.other_files);
  }

  const task::SemanticSegmentation task = make_task(loaded, train_classes, options.batch_size);
  model::PlainRunner runner(loaded.parameters);
  const c10::InferenceMode no_gradients;
  SemanticPredictor predictor(task, runner);
  const label::LabelSummary summary = label::run_labelling(plan, folder, classes, predictor, settings);
  if (summary.stopped) {
    spdlog::info("stopped on request after {} images; start the same command again to go on", summary.own.labelled);
    return ExitCode::kComeBack;
  }
  if (rank == 0) {
    print_summary(summary, folder);
  }
  return summary.failed > 0 && options.on_error == "fail" ? ExitCode::kData : ExitCode::kDone;
}

}  // namespace

Command autolabel_command() {
  Command command = make_command<label::LabelOptions>("autolabel", "label an image, a folder or a list of images", kAutolabelUsage, run_autolabel);
  command.over_ranks = true;
  return command;
}

}  // namespace muster::app
