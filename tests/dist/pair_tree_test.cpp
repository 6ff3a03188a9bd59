#include "dist/pair_tree.hpp"

#include <array>
#include <cstdint>
#include <vector>

#include <gtest/gtest.h>

#include "core/error.hpp"

namespace muster::dist {
namespace {

TEST(PairTree, AddsNeighboursFirst) {
  // 1 is lost beside 2^53 unless it has met the other 1 before.
  const double large = 9007199254740992.0;
  EXPECT_EQ(sum_in_pairs(std::array{large, 0.0, 1.0, 1.0}), large + 2);
  EXPECT_EQ(sum_in_pairs(std::array{large, 1.0, 1.0}), large);
  EXPECT_EQ(sum_in_pairs(std::array{1.0, 1.0, large}), large + 2);
  EXPECT_EQ(sum_in_pairs(std::array{large, 0.0, 0.0, 0.0, 1.0, 1.0, 0.0}), large + 2);
  EXPECT_EQ(sum_in_pairs(std::array{large, 0.0, 1.0, 0.0, 1.0}), large);
  EXPECT_EQ(sum_in_pairs(std::span<const double>()), 0);
}

TEST(PairTree, RoundsBfloat16Once) {
  // 256 + 1 needs nine bits: rounded after each addition it would stay 256; in fp32 four ones arrive.
  const std::array<std::uint16_t, 5> ranks{0x4380, 0x3f80, 0x3f80, 0x3f80, 0x3f80};  // 256, 1, 1, 1, 1
  std::vector<const std::byte*> inputs;
  for (const std::uint16_t& value : ranks) {
    inputs.push_back(reinterpret_cast<const std::byte*>(&value));
  }
  std::uint16_t sum = 0;
  sum_in_pairs(inputs, reinterpret_cast<std::byte*>(&sum), 1, ScalarType::kBF16);
  EXPECT_EQ(sum, 0x4382);  // 260
  const std::uint16_t not_a_number = 0x7f81;
  inputs[2] = reinterpret_cast<const std::byte*>(&not_a_number);
  sum_in_pairs(inputs, reinterpret_cast<std::byte*>(&sum), 1, ScalarType::kBF16);
  EXPECT_GT(sum & 0x7fff, 0x7f80);
}

TEST(PairTree, WrapsWholeNumbers) {
  const std::array<std::int32_t, 2> ranks{INT32_MAX, 1};
  std::int32_t sum = 0;
  const std::array inputs{reinterpret_cast<const std::byte*>(&ranks[0]), reinterpret_cast<const std::byte*>(&ranks[1])};
  sum_in_pairs(inputs, reinterpret_cast<std::byte*>(&sum), 1, ScalarType::kI32);
  EXPECT_EQ(sum, INT32_MIN);
}

}  // namespace
}  // namespace muster::dist
