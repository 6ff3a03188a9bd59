#include "model/assignment.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/error.hpp"

namespace muster::model {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// The problem with rows <= columns, and its dual prices: cost - row price - column price >= 0, and = 0 on pairs.
struct Assignment {
  std::span<const double> cost;
  std::size_t columns;
  std::vector<double> row_price, column_price;
  std::vector<int> column_of_row, row_of_column;  // -1 = free

  // Of one search: length of the shortest path to each column, the row before it, and what has been reached.
  std::vector<double> length;
  std::vector<int> row_before;
  std::vector<bool> column_reached;

  // Dijkstra over reduced costs from `start` to the nearest free column, which it returns; then the prices are moved so
  // that every edge of the shortest path tree has reduced cost zero.
  std::size_t shortest_path(int start) {
    std::fill(length.begin(), length.end(), kInfinity);
    std::fill(column_reached.begin(), column_reached.end(), false);
    double distance = 0;
    int row = start;
    while (true) {
      std::size_t nearest = columns;
      double least = kInfinity;
      for (std::size_t column = 0; column < columns; ++column) {
        if (column_reached[column]) {
          continue;
        }
        const auto r = static_cast<std::size_t>(row);
        const double through = distance + cost[r * columns + column] - row_price[r] - column_price[column];
        if (through < length[column]) {
          length[column] = through;
          row_before[column] = row;
        }
        // Of equally near columns a free one ends the search at once.
        const bool ends = length[column] == least && row_of_column[column] < 0 && row_of_column[nearest] >= 0;
        if (length[column] < least || ends) {
          least = length[column];
          nearest = column;
        }
      }
      distance = least;
      column_reached[nearest] = true;
      if (row_of_column[nearest] < 0) {
        raise_prices(start, distance);
        return nearest;
      }
      row = row_of_column[nearest];
    }
  }

  void raise_prices(int start, double distance) {
    row_price[static_cast<std::size_t>(start)] += distance;
    for (std::size_t column = 0; column < columns; ++column) {
      if (column_reached[column] && row_of_column[column] >= 0) {
        row_price[static_cast<std::size_t>(row_of_column[column])] += distance - length[column];
      }
    }
    for (std::size_t column = 0; column < columns; ++column) {
      if (column_reached[column]) {
        column_price[column] -= distance - length[column];
      }
    }
  }

  // Along the path, each row leaves its column to the row before it.
  void augment(int start, std::size_t free_column) {
    std::size_t column = free_column;
    while (true) {
      const int row = row_before[column];
      row_of_column[column] = row;
      const int previous = std::exchange(column_of_row[static_cast<std::size_t>(row)], static_cast<int>(column));
      if (row == start) {
        return;
      }
      column = static_cast<std::size_t>(previous);
    }
  }
};

std::vector<int> assign_wide(std::span<const double> cost, std::size_t rows, std::size_t columns) {
  Assignment a{.cost = cost,
               .columns = columns,
               .row_price = std::vector<double>(rows),
               .column_price = std::vector<double>(columns),
               .column_of_row = std::vector<int>(rows, -1),
               .row_of_column = std::vector<int>(columns, -1),
               .length = std::vector<double>(columns),
               .row_before = std::vector<int>(columns),
               .column_reached = std::vector<bool>(columns)};
  for (int row = 0; row < static_cast<int>(rows); ++row) {
    a.augment(row, a.shortest_path(row));
  }
  return a.column_of_row;
}

}  // namespace

std::vector<int> assign_least_cost(std::span<const double> cost, int rows, int columns) {
  check(rows >= 0 && columns >= 0, "assign_least_cost: {} rows, {} columns", rows, columns);
  const auto height = static_cast<std::size_t>(rows), width = static_cast<std::size_t>(columns);
  check(cost.size() == height * width, "assign_least_cost: {} costs for {} x {}", cost.size(), rows, columns);
  check(std::all_of(cost.begin(), cost.end(), [](double c) { return std::isfinite(c); }), "assign_least_cost: a cost is not finite");
  if (rows <= columns) {
    return assign_wide(cost, height, width);
  }
  std::vector<double> transposed(cost.size());
  for (std::size_t r = 0; r < height; ++r) {
    for (std::size_t c = 0; c < width; ++c) {
      transposed[c * height + r] = cost[r * width + c];
    }
  }
  const std::vector<int> row_of_column = assign_wide(transposed, width, height);
  std::vector<int> column_of_row(height, -1);
  for (std::size_t c = 0; c < width; ++c) {
    column_of_row[static_cast<std::size_t>(row_of_column[c])] = static_cast<int>(c);
  }
  return column_of_row;
}

}  // namespace muster::model
