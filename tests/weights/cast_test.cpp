#include "weights/cast.hpp"

#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "core/error.hpp"

namespace muster::weights {
namespace {

// What 16 bits mean, from the definition of the formats: sign, `exponent_bits`, the rest mantissa.
double decoded(std::uint16_t bits, int exponent_bits) {
  const int mantissa_bits = 15 - exponent_bits;
  const int bias = (1 << (exponent_bits - 1)) - 1;
  const int exponent = (bits & 0x7fff) >> mantissa_bits;
  const int mantissa = bits & ((1 << mantissa_bits) - 1);
  const double sign = (bits & 0x8000) != 0 ? -1.0 : 1.0;
  if (exponent == (1 << exponent_bits) - 1) {
    return mantissa != 0 ? std::numeric_limits<double>::quiet_NaN() : sign * std::numeric_limits<double>::infinity();
  }
  return exponent == 0 ? sign * std::ldexp(mantissa, 1 - bias - mantissa_bits)
                       : sign * std::ldexp(mantissa + (1 << mantissa_bits), exponent - bias - mantissa_bits);
}

// The nearest of all 16-bit values of at least 0, by bisection; ties to the even one. Infinity counts as one step beyond the largest.
std::uint16_t nearest(double value, int exponent_bits) {
  const auto infinity = static_cast<std::uint16_t>(((1 << exponent_bits) - 1) << (15 - exponent_bits));
  std::uint16_t low = 0;
  std::uint16_t high = infinity;
  while (high - low > 1) {
    const auto middle = static_cast<std::uint16_t>((low + high) / 2);
    (decoded(middle, exponent_bits) <= std::abs(value) ? low : high) = middle;
  }
  const double below = decoded(low, exponent_bits);
  const double above =
      high == infinity ? below + (below - decoded(static_cast<std::uint16_t>(low - 1), exponent_bits)) : decoded(high, exponent_bits);
  const double middle = below + (above - below) / 2;
  const bool up = std::abs(value) > middle || (std::abs(value) == middle && (low & 1) != 0);
  return static_cast<std::uint16_t>((up ? high : low) | (std::signbit(value) ? 0x8000 : 0));
}

std::vector<double> samples(int exponent_bits) {
  std::mt19937_64 random(11);  // the test's own source
  std::vector<double> values{0.0, -0.0, 1e300, -1e300, 1e-300, 65504.0, 65519.999, 65520.0, 3.3895313892515355e38, 3.4e38};
  while (values.size() < 20000) {
    const auto bits = static_cast<std::uint16_t>(random() & 0x7fff);
    const double one = decoded(bits, exponent_bits);
    const double next = decoded(static_cast<std::uint16_t>(bits + 1), exponent_bits);
    if (std::isfinite(one) && std::isfinite(next)) {
      const double middle = (one + next) / 2;  // a tie, and the doubles beside it, which a float in between would make ties
      for (const double value : {one, middle, std::nextafter(middle, one), std::nextafter(middle, next), middle * (1 + 1e-12)}) {
        values.push_back((random() & 1) != 0 ? -value : value);
      }
    }
  }
  return values;
}

TEST(Cast, RoundsOnceToTheNearestSixteenBits) {
  for (const auto& [type, exponent_bits] : {std::pair{ScalarType::kF16, 5}, std::pair{ScalarType::kBF16, 8}}) {
    SCOPED_TRACE(scalar_name(type));
    const std::vector<double> values = samples(exponent_bits);
    std::vector<std::uint16_t> made(values.size());
    cast(ScalarType::kF64, values.data(), type, made.data(), static_cast<std::int64_t>(values.size()));
    for (std::size_t i = 0; i < values.size(); ++i) {
      ASSERT_EQ(made[i], nearest(values[i], exponent_bits)) << values[i];
    }
    const std::vector<float> floats(values.begin(), values.end());
    cast(ScalarType::kF32, floats.data(), type, made.data(), static_cast<std::int64_t>(floats.size()));
    for (std::size_t i = 0; i < floats.size(); ++i) {
      if (std::isfinite(floats[i])) {
        ASSERT_EQ(made[i], nearest(floats[i], exponent_bits)) << floats[i];
      }
    }
  }
}

TEST(Cast, WidensEverySixteenBitValueExactly) {
  std::vector<std::uint16_t> all(65536);
  for (std::size_t i = 0; i < all.size(); ++i) {
    all[i] = static_cast<std::uint16_t>(i);
  }
  for (const auto& [type, exponent_bits] : {std::pair{ScalarType::kF16, 5}, std::pair{ScalarType::kBF16, 8}}) {
    std::vector<float> floats(all.size());
    std::vector<double> doubles(all.size());
    cast(type, all.data(), ScalarType::kF32, floats.data(), 65536);
    cast(type, all.data(), ScalarType::kF64, doubles.data(), 65536);
    for (std::size_t i = 0; i < all.size(); ++i) {
      const double wanted = decoded(all[i], exponent_bits);
      ASSERT_TRUE(std::isnan(wanted) ? std::isnan(floats[i]) && std::isnan(doubles[i]) : floats[i] == wanted && doubles[i] == wanted) << i;
    }
  }
}

TEST(Cast, KeepsNanAndInfinityAndRefusesWholeNumbers) {
  const double values[] = {std::numeric_limits<double>::quiet_NaN(), -std::numeric_limits<double>::infinity()};
  std::uint16_t made[2];
  cast(ScalarType::kF64, values, ScalarType::kBF16, made, 2);
  EXPECT_TRUE(std::isnan(decoded(made[0], 8)));
  EXPECT_EQ(made[1], 0xff80);
  EXPECT_THROW(cast(ScalarType::kI64, values, ScalarType::kF32, made, 1), InvariantError);
}

}  // namespace
}  // namespace muster::weights
