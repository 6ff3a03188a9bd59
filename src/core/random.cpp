#include "core/random.hpp"

#include <cmath>
#include <numbers>

#include "core/error.hpp"
#include "core/hash.hpp"

namespace muster {
namespace {

// Inverse of the standard normal distribution function: Acklam's rational start, then one step of Halley's method with
// std::erfc, which brings the error from 1e-9 to the last bits of a double.
double inverse_normal(double p) noexcept {
  constexpr double a[] = {-3.969683028665376e+01, 2.209460984245205e+02, -2.759285104469687e+02, 1.383577518672690e+02, -3.066479806614716e+01, 2.506628277459239e+00};
  constexpr double b[] = {-5.447609879822406e+01, 1.615858368580409e+02, -1.556989798598866e+02, 6.680131188771972e+01, -1.328068155288572e+01};
  constexpr double c[] = {-7.784894002430293e-03, -3.223964580411365e-01, -2.400758277161838e+00, -2.549732539343734e+00, 4.374664141464968e+00, 2.938163982698783e+00};
  constexpr double d[] = {7.784695709041462e-03, 3.224671290700398e-01, 2.445134137142996e+00, 3.754408661907416e+00};
  const auto tail = [&](double q) {
    return (((((c[0] * q + c[1]) * q + c[2]) * q + c[3]) * q + c[4]) * q + c[5]) / ((((d[0] * q + d[1]) * q + d[2]) * q + d[3]) * q + 1);
  };
  double x;
  if (p < 0.02425) {
    x = tail(std::sqrt(-2 * std::log(p)));
  } else if (p > 1 - 0.02425) {
    x = -tail(std::sqrt(-2 * std::log1p(-p)));
  } else {
    const double q = p - 0.5, r = q * q;
    x = (((((a[0] * r + a[1]) * r + a[2]) * r + a[3]) * r + a[4]) * r + a[5]) * q / (((((b[0] * r + b[1]) * r + b[2]) * r + b[3]) * r + b[4]) * r + 1);
  }
  const double error = 0.5 * std::erfc(-x / std::numbers::sqrt2) - p;
  const double u = error * std::sqrt(2 * std::numbers::pi) * std::exp(x * x / 2);
  return x - u / (1 + x * u / 2);
}

}  // namespace

std::array<std::uint32_t, 4> philox4x32_10(std::array<std::uint32_t, 4> counter, std::array<std::uint32_t, 2> key) noexcept {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t product0 = 0xD2511F53ULL * counter[0];
    const std::uint64_t product1 = 0xCD9E8D57ULL * counter[2];
    counter = {static_cast<std::uint32_t>(product1 >> 32) ^ counter[1] ^ key[0], static_cast<std::uint32_t>(product1),
               static_cast<std::uint32_t>(product0 >> 32) ^ counter[3] ^ key[1], static_cast<std::uint32_t>(product0)};
    key[0] += 0x9E3779B9u;
    key[1] += 0xBB67AE85u;
  }
  return counter;
}

RandomSequence::RandomSequence(std::uint64_t seed, RandomStream stream, std::uint32_t site, std::uint32_t sample_id, std::uint32_t epoch_or_step)
    : key_{static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(stream)}, tail_{site, sample_id, epoch_or_step} {
  if (seed >> 32 != 0) {
    throw ConfigError("seed={} does not fit 32 bits; choose a seed below 4294967296", seed);
  }
}

RandomSequence RandomSequence::for_parameter(std::uint64_t seed, std::string_view parameter_name) {
  const std::uint64_t name = xxh3_64(parameter_name);
  return {seed, RandomStream::kInit, static_cast<std::uint32_t>(name >> 32), static_cast<std::uint32_t>(name), 0};
}

std::uint32_t RandomSequence::bits(std::uint64_t index) const noexcept {
  const auto words = philox4x32_10({static_cast<std::uint32_t>(index / 4), tail_[0], tail_[1], tail_[2]}, key_);
  return words[index % 4];
}

double RandomSequence::normal(std::uint64_t index) const noexcept {
  const double radius = std::sqrt(-2 * std::log(1 - uniform(2 * index)));  // 1 - u is in (0, 1]
  return radius * std::cos(2 * std::numbers::pi * uniform(2 * index + 1));
}

double RandomSequence::truncated_normal(std::uint64_t index, double bound) const noexcept {
  const double below = 0.5 * std::erfc(bound / std::numbers::sqrt2);  // probability under -bound
  const double u = uniform(index) + 0.5 / 16777216.0;                 // the middle of the cell, so neither tail is reached
  return inverse_normal(below + (1 - 2 * below) * u);
}

}  // namespace muster
