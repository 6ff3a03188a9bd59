#include "image/resize_passes.hpp"

#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace muster::image {
namespace {

std::vector<std::uint8_t> noise(std::size_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<std::uint8_t> bytes(count + kRowSlack);
  for (std::uint8_t& byte : bytes) {
    byte = static_cast<std::uint8_t>(random() % 3 == 0 ? 255 * (random() % 2) : random());  // with many extremes
  }
  return bytes;
}

struct Axis {
  AxisScale scale;
  int offset;
  int count;
};

std::vector<Axis> axes() {
  std::vector<Axis> out;
  for (const Filter filter : {Filter::kBilinear, Filter::kBicubic}) {
    for (const auto& [from, to] : {std::pair(50, 20), {50, 49}, {50, 51}, {50, 173}, {3, 40}, {1, 5}, {700, 3}, {700, 1}, {64, 64}}) {
      out.push_back({{from, 0, static_cast<float>(from), to, filter}, 0, to});
      out.push_back({{from, 0.25F, static_cast<float>(from) - 0.5F, to, filter}, to / 3, to - to / 3});
    }
  }
  return out;
}

// On machines without AVX2 there is one form, and nothing to compare.
TEST(ResizePasses, AreTheSameInBothForms) {
  const ResizePasses plain = plain_passes();
  const ResizePasses fast = avx2_passes();
  if (fast.across == nullptr) {
    EXPECT_EQ(resize_passes().across, plain.across);
    return;
  }
  EXPECT_EQ(resize_passes().down, fast.down);
  Kernel kernel;
  unsigned seed = 0;
  for (const Axis& axis : axes()) {
    kernel.make(axis.scale, axis.offset, axis.count, 0);
    const std::vector<std::uint8_t> row = noise(static_cast<std::size_t>(axis.scale.old_size) * 3, ++seed);
    std::vector<std::uint8_t> expected(static_cast<std::size_t>(axis.count) * 3 + kRowSlack), found = expected;
    plain.across(row.data(), kernel, expected.data());
    fast.across(row.data(), kernel, found.data());
    found.resize(found.size() - kRowSlack);
    expected.resize(expected.size() - kRowSlack);
    ASSERT_EQ(found, expected) << axis.scale.old_size << " to " << axis.scale.new_size;

    for (const std::size_t count : {1UL, 31UL, 32UL, 33UL, 100UL}) {
      const std::vector<std::uint8_t> rows = noise(static_cast<std::size_t>(axis.scale.old_size) * count, ++seed);
      std::vector<std::uint8_t> one(count + 1, 77), other = one;
      for (int y = 0; y < axis.count; ++y) {
        plain.down(rows.data(), count, kernel, y, one.data(), count);
        fast.down(rows.data(), count, kernel, y, other.data(), count);
        ASSERT_EQ(other, one) << axis.scale.old_size << " to " << axis.scale.new_size << ", row " << y << " of " << count;
        ASSERT_EQ(other.back(), 77) << "written behind the row";
      }
    }
  }
}

TEST(Kernel, HasWeightsThatAddUpToOneAndHalvesThatGiveThem) {
  Kernel kernel;
  for (const Axis& axis : axes()) {
    kernel.make(axis.scale, axis.offset, axis.count, 0);
    ASSERT_EQ(kernel.count(), axis.count);
    for (int i = 0; i < kernel.count(); ++i) {
      const int length = kernel.length[static_cast<std::size_t>(i)];
      ASSERT_GE(kernel.first[static_cast<std::size_t>(i)], 0);
      ASSERT_LE(kernel.first[static_cast<std::size_t>(i)] + length, axis.scale.old_size);
      std::int64_t sum = 0;
      for (int t = 0; t < kernel.taps; ++t) {
        const std::size_t at = kernel.place(i) + static_cast<std::size_t>(t);
        ASSERT_EQ(kernel.high[at] * (1 << kLowBits) + kernel.low[at], kernel.weights[at]);
        ASSERT_TRUE(t < length || kernel.weights[at] == 0);
        sum += kernel.weights[at];
      }
      ASSERT_NEAR(static_cast<double>(sum), 1 << kWeightBits, length);  // each weight is rounded
    }
  }
}

}  // namespace
}  // namespace muster::image
