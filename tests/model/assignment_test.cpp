#include "model/assignment.hpp"

#include <algorithm>
#include <limits>
#include <numeric>
#include <set>
#include <vector>

#include <gtest/gtest.h>

#include "core/error.hpp"
#include "core/random.hpp"

namespace muster::model {
namespace {

double total(const std::vector<double>& cost, int columns, const std::vector<int>& column_of_row) {
  double sum = 0;
  for (std::size_t row = 0; row < column_of_row.size(); ++row) {
    sum += column_of_row[row] < 0 ? 0 : cost[row * static_cast<std::size_t>(columns) + static_cast<std::size_t>(column_of_row[row])];
  }
  return sum;
}

// The least sum over all ways, by trying every order of the longer side.
double least_by_trying_all(const std::vector<double>& cost, int rows, int columns) {
  std::vector<int> order(static_cast<std::size_t>(std::max(rows, columns)));
  std::iota(order.begin(), order.end(), 0);
  double least = std::numeric_limits<double>::infinity();
  do {
    double sum = 0;
    for (int i = 0; i < std::min(rows, columns); ++i) {
      const int row = rows <= columns ? i : order[static_cast<std::size_t>(i)];
      const int column = rows <= columns ? order[static_cast<std::size_t>(i)] : i;
      sum += cost[static_cast<std::size_t>(row * columns + column)];
    }
    least = std::min(least, sum);
  } while (std::next_permutation(order.begin(), order.end()));
  return least;
}

TEST(AssignLeastCost, FindsTheLeastSumOfAllWays) {
  std::uint32_t trial = 0;
  for (const auto& [rows, columns] : {std::pair{1, 1}, {2, 2}, {3, 5}, {5, 3}, {6, 6}, {7, 4}, {1, 6}, {6, 1}}) {
    for (int repeat = 0; repeat < 40; ++repeat) {
      const RandomSequence random(1, RandomStream::kInit, ++trial, 0, 0);
      std::vector<double> cost(static_cast<std::size_t>(rows * columns));
      for (std::size_t i = 0; i < cost.size(); ++i) {
        // Every second time few whole numbers, so that there are many ties; also negative ones.
        cost[i] = repeat % 2 ? std::floor(random.uniform(i, -2, 3)) : random.uniform(i, -10, 10);
      }
      const std::vector<int> found = assign_least_cost(cost, rows, columns);
      SCOPED_TRACE(testing::Message() << rows << " x " << columns << " repeat " << repeat);
      EXPECT_NEAR(total(cost, columns, found), least_by_trying_all(cost, rows, columns), 1e-12);
      ASSERT_EQ(found.size(), static_cast<std::size_t>(rows));
      std::set<int> used;
      int pairs = 0;
      for (const int column : found) {
        ASSERT_LT(column, columns);
        pairs += column >= 0 && used.insert(column).second;
      }
      EXPECT_EQ(pairs, std::min(rows, columns));
      EXPECT_EQ(std::count(found.begin(), found.end(), -1), std::max(0, rows - columns));
    }
  }
}

TEST(AssignLeastCost, GivesKnownAnswers) {
  // Worked examples of the assignment problem; the last has two best ways of 15.
  EXPECT_EQ(assign_least_cost(std::vector<double>{4, 1, 3, 2, 0, 5, 3, 2, 2}, 3, 3), (std::vector<int>{1, 0, 2}));
  EXPECT_EQ(assign_least_cost(std::vector<double>{400, 150, 400, 400, 450, 600, 300, 225, 300}, 3, 3), (std::vector<int>{1, 0, 2}));
  EXPECT_EQ(assign_least_cost(std::vector<double>{10, 10, 8, 11, 9, 8, 1, 1, 9, 7, 4, 10}, 3, 4), (std::vector<int>{0, 3, 2}));
}

TEST(AssignLeastCost, LeavesTheDearestRowsOutWhenThereAreTooMany) {
  EXPECT_EQ(assign_least_cost(std::vector<double>{5, 1, 3}, 3, 1), (std::vector<int>{-1, 0, -1}));
}

TEST(AssignLeastCost, TakesTheLowestIndexOfEquals) {
  EXPECT_EQ(assign_least_cost(std::vector<double>(12, 1.0), 3, 4), (std::vector<int>{0, 1, 2}));
}

TEST(AssignLeastCost, GivesNothingForNothing) {
  EXPECT_TRUE(assign_least_cost({}, 0, 5).empty());
  EXPECT_EQ(assign_least_cost({}, 2, 0), (std::vector<int>{-1, -1}));
}

TEST(AssignLeastCost, RefusesACostThatIsNotFinite) {
  EXPECT_THROW(assign_least_cost(std::vector<double>{1, std::numeric_limits<double>::quiet_NaN()}, 1, 2), InvariantError);
  EXPECT_THROW(assign_least_cost(std::vector<double>{1, 2, 3}, 1, 2), InvariantError);
}

}  // namespace
}  // namespace muster::model
