// Rectangular linear sum assignment: the cheapest way to pair rows with columns, each used at most once.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace muster::model {

// cost[row * columns + column]. Pairs min(rows, columns) of them so that the sum of costs is least, and gives the column of
// each row, -1 for rows that are left over (rows > columns). Shortest augmenting paths, O(min^2 max), in double; among equal
// path lengths the lowest index is taken first, so the result depends on the numbers alone.
// Throws InvariantError when a cost is not finite or the size is wrong.
// Source: Crouse 2016, "On implementing 2D rectangular assignment algorithms", IEEE TAES 52(4), section III.
std::vector<int> assign_least_cost(std::span<const double> cost, int rows, int columns);

}  // namespace muster::model
