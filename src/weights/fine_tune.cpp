#include "weights/fine_tune.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>

#include <fmt/ranges.h>

#include "core/error.hpp"
#include "weights/scalar_types.hpp"

namespace muster::weights {
namespace {

constexpr std::string_view kClassHead = "class_head.";
constexpr std::string_view kQueries = "queries.weight";

std::optional<std::int64_t> row_of(std::span<const ClassEntry> classes, const std::string& name) {
  const auto found = std::ranges::find(classes, name, &ClassEntry::name);
  return found == classes.end() ? std::nullopt : std::optional(found - classes.begin());
}

// Rows [row, row + count) of the old tensor into rows from `to` on of the new one.
void copy_rows(const TensorRecipe& old, std::int64_t row, std::int64_t count, const at::Tensor& tensor, std::int64_t to) {
  const std::int64_t width = old.numel() / old.shape.at(0);
  const at::Tensor rows = tensor.detach().narrow(0, to, count);
  read_range(old, row * width, (row + count) * width, stored_type(rows.scalar_type()), rows.data_ptr());
}

// Rows 0 .. C - 1 are the classes, row C is "no object".
void copy_class_rows(const TensorRecipe& old, std::span<const ClassEntry> old_classes, const at::Tensor& tensor,
                     std::span<const std::string> classes, const std::string& path) {
  const auto old_count = static_cast<std::int64_t>(old_classes.size());
  if (old.shape.at(0) != old_count + 1) {
    throw DataError("{}: {} has {} rows for {} classes; wanted a row per class and one for 'no object'", path, old.name, old.shape.at(0),
                    old_count);
  }
  for (std::size_t i = 0; i < classes.size(); ++i) {
    if (const auto row = row_of(old_classes, classes[i])) {
      copy_rows(old, *row, 1, tensor, static_cast<std::int64_t>(i));
    }
  }
  copy_rows(old, old_count, 1, tensor, static_cast<std::int64_t>(classes.size()));
}

std::string copy_queries(const TensorRecipe& old, const at::Tensor& tensor, const std::string& path) {
  const std::int64_t before = old.shape.at(0);
  const std::int64_t now = tensor.size(0);
  for (std::int64_t begin = 0; begin < now; begin += before) {
    copy_rows(old, 0, std::min(before, now - begin), tensor, begin);
  }
  return before == now ? "" : fmt::format("the {} queries of {} were {} to {}", before, path, before > now ? "cut" : "repeated", now);
}

bool keeps_its_value(const LoadPlan& plan, const std::string& name) {
  return std::ranges::find(plan.kept, name) != plan.kept.end();
}

bool goes_by_row(const std::string& name) {
  return name.starts_with(kClassHead) || name == kQueries;
}

void check_fits(const LoadPlan& plan, const model::NamedTensor& named) {
  if (!plan.has(named.name)) {
    throw DataError("{} has no tensor {}; it belongs to another model than the one to be trained", plan.path, named.name);
  }
  const std::vector<std::int64_t>& shape = plan.recipe(named.name).shape;
  const std::vector<std::int64_t> wanted = named.tensor.sizes().vec();
  const bool same_width =
      !shape.empty() && shape.at(0) > 0 && shape.size() == wanted.size() && std::equal(shape.begin() + 1, shape.end(), wanted.begin() + 1);
  if (goes_by_row(named.name) ? !same_width : shape != wanted) {
    throw DataError("{}: {} is [{}], the model to be trained has [{}]{}", plan.path, named.name, fmt::join(shape, ", "),
                    fmt::join(wanted, ", "),
                    goes_by_row(named.name) ? "; only the number of rows may differ" : "; train the model that the file holds");
  }
}

}  // namespace

void check_fine_tuning(const LoadPlan& plan, std::span<const model::NamedTensor> tensors) {
  require_complete(plan);
  for (const model::NamedTensor& named : tensors) {
    if (!keeps_its_value(plan, named.name)) {
      check_fits(plan, named);
    }
  }
}

FineTuneReport load_for_fine_tuning(const LoadPlan& plan, std::span<const ClassEntry> old_classes,
                                    std::span<const model::NamedTensor> tensors, std::span<const std::string> classes,
                                    bool reuse_class_head) {
  check_fine_tuning(plan, tensors);
  FineTuneReport report;
  for (const std::string& name : classes) {
    const bool reused = reuse_class_head && row_of(old_classes, name);
    (reused ? report.reused_classes : report.fresh_classes).push_back(name);
  }
  for (const model::NamedTensor& named : tensors) {
    if (keeps_its_value(plan, named.name)) {
      continue;
    }
    const TensorRecipe& old = plan.recipe(named.name);
    if (named.name == kQueries) {
      report.notice = copy_queries(old, named.tensor, plan.path);
    } else if (!named.name.starts_with(kClassHead)) {
      read_range(old, 0, old.numel(), stored_type(named.tensor.scalar_type()), named.tensor.detach().data_ptr());
    } else if (reuse_class_head) {
      copy_class_rows(old, old_classes, named.tensor, classes, plan.path);
    }
  }
  return report;
}

}  // namespace muster::weights
