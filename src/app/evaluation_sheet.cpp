#include "app/evaluation_sheet.hpp"

#include <algorithm>

#include <ATen/core/grad_mode.h>
#include <spdlog/spdlog.h>

#include "core/atomic_file.hpp"
#include "image/encode.hpp"

namespace muster::app {
namespace {

// Dense index to train index; void and ignored classes become a label that no palette has.
image::LabelMap in_train_indices(image::LabelMap labels, const data::TrainClasses& classes) {
  std::ranges::transform(labels.values, labels.values.begin(), [&](std::uint16_t dense) {
    const std::int32_t index = classes.train_index(dense);
    return index < 0 ? data::kVoidLabel : static_cast<std::uint16_t>(index);
  });
  return labels;
}

}  // namespace

report::ContactSheet evaluation_sheet(const task::SemanticSegmentation& task, model::BlockRunner& runner, const data::ShardReader& reader,
                                      const data::TrainClasses& classes, int count) {
  const c10::InferenceMode no_gradients;
  report::ContactSheet sheet{.titles = {"image", "truth", "prediction"}, .samples = {}, .legend = {}};
  for (int i = 0; i < classes.count(); ++i) {
    const auto index = static_cast<std::size_t>(i);
    sheet.legend.push_back({.name = classes.names()[index], .colour = classes.colors()[index]});
  }
  const std::uint32_t shown = std::min(static_cast<std::uint32_t>(count), reader.size());
  for (std::uint32_t i = 0; i < shown; ++i) {
    const auto id = static_cast<std::uint32_t>(std::uint64_t{i} * reader.size() / shown);
    data::Sample sample = data::decode(reader.read(id), reader.place(id));
    const auto over = [&](const image::LabelMap& labels) { return image::overlay(sample.image, labels, classes.colors()); };
    image::Image truth = over(in_train_indices(std::move(sample.target), classes));
    image::Image prediction = over(task.predict(sample.image, runner));
    sheet.samples.push_back({.name = reader.key(id), .pictures = {std::move(sample.image), std::move(truth), std::move(prediction)}});
  }
  return sheet;
}

void write_contact_sheet(const std::filesystem::path& path, const report::ContactSheet& sheet) {
  if (path.has_parent_path()) {
    std::filesystem::create_directories(path.parent_path());
  }
  const std::vector<std::byte> bytes = image::encode_png(report::draw(sheet));
  write_file_atomically(path, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  spdlog::info("contact sheet of {} images: {}", sheet.samples.size(), path.string());
}

}  // namespace muster::app
