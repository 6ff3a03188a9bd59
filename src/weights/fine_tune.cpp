#include "weights/fine_tune.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>

#include <fmt/ranges.h>

#include "core/error.hpp"

namespace muster::weights {
namespace {

constexpr std::string_view kClassHead = "class_head.";
constexpr std::string_view kQueries = "queries.weight";

std::optional<std::int64_t> row_of(const std::vector<ClassEntry>& classes, const std::string& name) {
  const auto found = std::find_if(classes.begin(), classes.end(), [&](const ClassEntry& entry) { return entry.name == name; });
  return found == classes.end() ? std::nullopt : std::optional(found - classes.begin());
}

// Rows 0 .. C - 1 are the classes, row C is "no object".
void copy_class_rows(const WeightFile& file, const model::NamedTensor& named, std::span<const std::string> classes) {
  const at::Tensor old = file.tensor(named.name);
  at::Tensor destination = named.tensor.detach();
  const auto old_count = static_cast<std::int64_t>(file.info().classes.size());
  if (old.size(0) != old_count + 1) {
    throw DataError("{}: {} has {} rows for {} classes; wanted a row per class and one for 'no object'", file.path().string(), named.name,
                    old.size(0), old_count);
  }
  for (std::size_t i = 0; i < classes.size(); ++i) {
    if (const auto row = row_of(file.info().classes, classes[i])) {
      destination.select(0, static_cast<std::int64_t>(i)).copy_(old.select(0, *row));
    }
  }
  destination.select(0, static_cast<std::int64_t>(classes.size())).copy_(old.select(0, old_count));
}

std::string copy_queries(const WeightFile& file, const model::NamedTensor& named) {
  const at::Tensor old = file.tensor(named.name);
  at::Tensor destination = named.tensor.detach();
  const std::int64_t before = old.size(0);
  const std::int64_t now = destination.size(0);
  for (std::int64_t begin = 0; begin < now; begin += before) {
    const std::int64_t count = std::min(before, now - begin);
    destination.narrow(0, begin, count).copy_(old.narrow(0, 0, count));
  }
  return before == now
             ? ""
             : fmt::format("the {} queries of {} were {} to {}", before, file.path().string(), before > now ? "cut" : "repeated", now);
}

}  // namespace

FineTuneReport load_for_fine_tuning(const WeightFile& file, std::span<const model::NamedTensor> tensors,
                                    std::span<const std::string> classes, bool reuse_class_head) {
  FineTuneReport report;
  for (const std::string& name : classes) {
    const bool reused = reuse_class_head && row_of(file.info().classes, name);
    (reused ? report.reused_classes : report.fresh_classes).push_back(name);
  }
  for (const model::NamedTensor& named : tensors) {
    const bool by_row = named.name.starts_with(kClassHead) || named.name == kQueries;
    if (!file.file().contains(named.name)) {
      throw DataError("{} has no tensor {}; it belongs to another model than the one to be trained", file.path().string(), named.name);
    }
    const std::vector<std::int64_t>& shape = file.file().info(named.name).shape;
    const bool same_width = !shape.empty() && shape.size() == static_cast<std::size_t>(named.tensor.dim()) &&
                            std::equal(shape.begin() + 1, shape.end(), named.tensor.sizes().begin() + 1);
    if (by_row && !same_width) {
      throw DataError("{}: {} is [{}], the model to be trained has [{}]; only the number of rows may differ", file.path().string(),
                      named.name, fmt::join(shape, ", "), fmt::join(named.tensor.sizes().vec(), ", "));
    }
    if (!by_row && shape != named.tensor.sizes().vec()) {
      throw DataError("{}: {} is [{}]; the model to be trained has [{}]", file.path().string(), named.name, fmt::join(shape, ", "),
                      fmt::join(named.tensor.sizes().vec(), ", "));
    }
  }
  for (const model::NamedTensor& named : tensors) {
    if (named.name == kQueries) {
      report.notice = copy_queries(file, named);
    } else if (!named.name.starts_with(kClassHead)) {
      named.tensor.detach().copy_(file.tensor(named.name));
    } else if (reuse_class_head) {
      copy_class_rows(file, named, classes);
    }
  }
  return report;
}

}  // namespace muster::weights
