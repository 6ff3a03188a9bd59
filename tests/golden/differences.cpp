#include "golden/differences.hpp"

#include <algorithm>
#include <array>
#include <map>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace muster::golden {
namespace {

struct Row {
  std::string reference;
  std::array<std::array<double, 3>, 2> largest = {{{-1, -1, -1}, {-1, -1, -1}}};  // [fp64, fp32][quantity]; -1 = not compared
};

std::map<std::string, Row>& rows() {
  static std::map<std::string, Row> rows;
  return rows;
}

std::string cell(double difference) {
  return difference < 0 ? "" : fmt::format("{:.2g}", difference);
}

class Printer final : public testing::Environment {
  void TearDown() override {
    fmt::print(
        "| case | reference | fp64: outputs | losses | gradients | fp32: outputs | losses | gradients "
        "|\n|---|---|---|---|---|---|---|---|\n");
    for (const auto& [file, row] : rows()) {
      fmt::print("| `{}` | {} ", file, row.reference);
      for (const auto& precision : row.largest) {
        for (const double difference : precision) {
          fmt::print("| {} ", cell(difference));
        }
      }
      fmt::print("|\n");
    }
  }
};

[[maybe_unused]] const testing::Environment* const kPrinter = testing::AddGlobalTestEnvironment(new Printer);

}  // namespace

void note_difference(const std::string& file, const std::string& reference, bool fp64, Quantity quantity, double difference) {
  Row& row = rows()[file];
  row.reference = reference;
  double& largest = row.largest[fp64 ? 0 : 1][static_cast<std::size_t>(quantity)];
  largest = std::max(largest, difference);
}

}  // namespace muster::golden
