#include "model/position.hpp"

#include <optional>

#include <ATen/ops/_upsample_bicubic2d_aa.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/upsample_bicubic2d.h>

#include "core/error.hpp"

namespace muster::model {
namespace {

constexpr double kOffset = 0.1;

// [1, D, rows, columns] -> [1, D, height, width]
at::Tensor resample(const at::Tensor& table, PositionResize rule, std::int64_t height, std::int64_t width) {
  if (rule == PositionResize::kAntialias) {
    return at::_upsample_bicubic2d_aa(table, {height, width}, false, std::nullopt, std::nullopt);
  }
  std::optional<double> scale_y, scale_x;
  if (rule == PositionResize::kOffsetScale) {
    scale_y = (static_cast<double>(height) + kOffset) / static_cast<double>(table.size(2));
    scale_x = (static_cast<double>(width) + kOffset) / static_cast<double>(table.size(3));
  }
  return at::upsample_bicubic2d(table, {height, width}, false, scale_y, scale_x);
}

}  // namespace

PositionResize position_resize(const BackboneRow& row, std::string_view form) {
  if (row.storage_tokens > 0 || !row.class_position) {
    return PositionResize::kAntialias;
  }
  return form == "hf" ? PositionResize::kSize : PositionResize::kOffsetScale;
}

at::Tensor position_at_grid(const at::Tensor& table, const BackboneRow& row, PositionResize rule, std::int64_t height, std::int64_t width) {
  const std::int64_t first = row.class_position ? 1 : 0, patches = table.size(1) - first;
  check(patches == std::int64_t{row.position_rows} * row.position_columns, "a position table of {} patches for {} x {}", patches,
        row.position_rows, row.position_columns);
  // The published condition, as many patches as the table has and a square image, is this one for their square tables.
  if (height == row.position_rows && width == row.position_columns) {
    return table;
  }
  const at::Tensor wide = table.scalar_type() == at::kDouble ? table : table.to(at::kFloat);
  const at::Tensor grid = wide.narrow(1, first, patches).reshape({1, row.position_rows, row.position_columns, -1}).permute({0, 3, 1, 2});
  const at::Tensor resized = resample(grid, rule, height, width).permute({0, 2, 3, 1}).reshape({1, height * width, -1});
  return (first == 0 ? resized : at::cat({wide.narrow(1, 0, 1), resized}, 1)).to(table.scalar_type());
}

}  // namespace muster::model
