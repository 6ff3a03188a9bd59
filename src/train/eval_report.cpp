#include "train/eval_report.hpp"

#include <cmath>

#include <fmt/format.h>

#include "core/atomic_file.hpp"
#include "io/value.hpp"

namespace muster::train {
namespace {

io::Value number(double value) { return std::isnan(value) ? io::Value() : io::Value(value); }

}  // namespace

std::string score_table(const EvaluationResult& result) {
  std::string text;
  for (const auto& [name, value] : result.scores) {
    text += fmt::format("  {:<32} {}\n", name, std::isnan(value) ? "does not occur" : fmt::format("{:.4f}", value));
  }
  return text + fmt::format("  {:<32} {} images, {:.1f} images/s\n", "", result.images, static_cast<double>(result.images) / result.seconds);
}

std::string eval_json(const EvaluationResult& result, const std::string& split, const std::string& model, std::int64_t step) {
  io::Value root = io::Value::map();
  for (const auto& [name, value] : result.scores) {
    const auto slash = name.find('/');
    if (slash == std::string::npos) {
      root.set(name, number(value));
    } else {
      root[std::string_view(name).substr(0, slash)].set(std::string_view(name).substr(slash + 1), number(value));
    }
  }
  root.set("num_images", result.images);
  root.set("split", split);
  root.set("model", model);
  root.set("step", step);
  return io::to_json(root);
}

void write_eval_json(const std::filesystem::path& path, const EvaluationResult& result, const std::string& split, const std::string& model,
                     std::int64_t step) {
  write_file_atomically(path, eval_json(result, split, model, step) + "\n");
}

}  // namespace muster::train
