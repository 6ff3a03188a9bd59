// `muster autolabel`: masks for images. One image so far: its mask in class ids, and an overlay to look at.
#include <algorithm>
#include <filesystem>

#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include "app/command.hpp"
#include "app/model_source.hpp"
#include "core/atomic_file.hpp"
#include "image/decode.hpp"
#include "image/encode.hpp"
#include "image/orientation.hpp"
#include "image/overlay.hpp"
#include "model/plain_runner.hpp"

namespace muster::app {
namespace {

namespace fs = std::filesystem;

struct AutolabelOptions {
  std::string out;
  std::string data;
  std::string model;
  int batch_size = 4;
};
template <class Visitor>
void visit(Visitor& v, AutolabelOptions& o) {
  v.field("out", o.out, any_value(), "folder for the masks; everything else goes to OUT/_muster/");
  v.field("data", o.data, any_value(), "an image file");
  v.field("model", o.model, any_value(), "weight file, checkpoint, or folder of a run");
  v.field("batch_size", o.batch_size, at_least(1), "windows that the model sees at once");
}
void validate(const AutolabelOptions& o) {
  if (o.out.empty() || o.data.empty() || o.model.empty()) {
    throw ConfigError("{} is not set; labelling takes model=runs/a data=photo.jpg out=labels", o.out.empty() ? "out" : o.data.empty() ? "data" : "model");
  }
  if (!fs::exists(o.data)) {
    throw ConfigError("data={}: there is no such image", o.data);
  }
  if (fs::is_directory(o.data)) {
    throw ConfigError("data={} is a folder; this version labels one image file at a time", o.data);
  }
}

constexpr const char* kUsage =
    "  muster autolabel model=FILE|RUN data=IMAGE out=DIR\n\n"
    "Example, after a training run in runs/a:\n"
    "  launch/muster autolabel model=runs/a data=datasets/sample/val/images/IMAGE.jpg out=runs/labels\n"
    "Writes OUT/NAME.png, pixel value = class id at the image's upright size, and OUT/_muster/overlays/NAME.png to look at.\n";

void write_image(const fs::path& path, const std::vector<std::byte>& bytes) {
  fs::create_directories(path.parent_path());
  write_file_atomically(path, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

// Train index to class id; 16 bits only where an id needs them (CONTRACTS 14).
image::LabelMap in_class_ids(image::LabelMap labels, const std::vector<std::int32_t>& ids) {
  std::ranges::transform(labels.values, labels.values.begin(), [&](std::uint16_t index) { return static_cast<std::uint16_t>(ids.at(index)); });
  return labels;
}

ExitCode run_autolabel(const AutolabelOptions& options, const io::Value&, const Arguments&) {
  const std::string text = read_file(options.data);
  const auto bytes = std::as_bytes(std::span(text));
  const image::Image picture = image::apply_orientation(image::decode_rgb(bytes, options.data), image::probe(bytes, options.data).exif_orientation);

  const LoadedModel loaded = load_model(options.model);
  const data::TrainClasses classes = classes_of(loaded.info);
  const task::SemanticSegmentation task = make_task(loaded, classes, options.batch_size);
  model::PlainRunner runner(loaded.parameters);
  const c10::InferenceMode no_gradients;
  const image::LabelMap labels = task.predict(picture, runner);

  const fs::path name = fs::path(options.data).stem().string() + ".png";
  const fs::path mask = fs::path(options.out) / name;
  const fs::path overlay = fs::path(options.out) / "_muster" / "overlays" / name;
  const int bit_depth = *std::ranges::max_element(classes.ids()) <= 254 ? 8 : 16;
  write_image(mask, image::encode_png_labels(in_class_ids(labels, classes.ids()), bit_depth));
  write_image(overlay, image::encode_png(image::overlay(picture, labels, classes.colors())));

  fmt::print("{} ({}x{}), overlay {}\n", mask.string(), labels.width, labels.height, overlay.string());
  std::vector<std::size_t> pixels(classes.ids().size());
  for (const std::uint16_t index : labels.values) {
    ++pixels.at(index);
  }
  for (std::size_t i = 0; i < pixels.size(); ++i) {
    fmt::print("  {:>5} {:<24} {:>6.2f} %\n", classes.ids()[i], classes.names()[i],
               100.0 * static_cast<double>(pixels[i]) / static_cast<double>(labels.values.size()));
  }
  return ExitCode::kDone;
}

}  // namespace

Command autolabel_command() { return make_command<AutolabelOptions>("autolabel", "predict the mask of an image", kUsage, run_autolabel); }

}  // namespace muster::app
