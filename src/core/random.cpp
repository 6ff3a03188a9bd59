#include "core/random.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "core/error.hpp"
#include "core/hash.hpp"

namespace muster {
namespace {

// Inverse of the standard normal distribution function: Acklam's rational start, then one step of Halley's method with
// std::erfc, which brings the error from 1e-9 to the last bits of a double.
double inverse_normal(double p) noexcept {
  constexpr double a[] = {-3.969683028665376e+01, 2.209460984245205e+02,  -2.759285104469687e+02,
                          1.383577518672690e+02,  -3.066479806614716e+01, 2.506628277459239e+00};
  constexpr double b[] = {-5.447609879822406e+01, 1.615858368580409e+02, -1.556989798598866e+02, 6.680131188771972e+01,
                          -1.328068155288572e+01};
  constexpr double c[] = {-7.784894002430293e-03, -3.223964580411365e-01, -2.400758277161838e+00,
                          -2.549732539343734e+00, 4.374664141464968e+00,  2.938163982698783e+00};
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
    x = (((((a[0] * r + a[1]) * r + a[2]) * r + a[3]) * r + a[4]) * r + a[5]) * q /
        (((((b[0] * r + b[1]) * r + b[2]) * r + b[3]) * r + b[4]) * r + 1);
  }
  const double error = 0.5 * std::erfc(-x / std::numbers::sqrt2) - p;
  const double u = error * std::sqrt(2 * std::numbers::pi) * std::exp(x * x / 2);
  return x - u / (1 + x * u / 2);
}

// Philox on consecutive counters at once. Every 32-bit word has a 64-bit lane, the form in which vector units multiply.
constexpr std::size_t kLanes = 16;
using Lanes = std::array<std::uint64_t, kLanes>;

// Function multiversioning is left out of sanitized builds: the resolver would run before the sanitizer is ready.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define MUSTER_WIDE_VECTORS __attribute__((target_clones("avx2", "default")))
#else
#define MUSTER_WIDE_VECTORS
#endif

// out = uniforms 4 counter .. 4 (counter + kLanes) - 1
MUSTER_WIDE_VECTORS void philox_uniforms(std::uint32_t counter, const std::uint32_t* tail, const std::uint32_t* key, float* out) noexcept {
  constexpr std::uint64_t kLow = 0xFFFFFFFFu;
  const auto unit = [](std::uint64_t word) { return static_cast<float>(static_cast<std::int32_t>(word >> 8)) * 0x1p-24f; };
  Lanes c0, c1, c2, c3;
  for (std::size_t lane = 0; lane < kLanes; ++lane) {
    c0[lane] = counter + static_cast<std::uint32_t>(lane);
    c1[lane] = tail[0];
    c2[lane] = tail[1];
    c3[lane] = tail[2];
  }
  std::uint64_t key0 = key[0], key1 = key[1];
  for (int round = 0; round < 10; ++round) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      const std::uint64_t product0 = 0xD2511F53u * (c0[lane] & kLow);
      const std::uint64_t product1 = 0xCD9E8D57u * (c2[lane] & kLow);
      c0[lane] = (product1 >> 32) ^ c1[lane] ^ key0;
      c1[lane] = product1 & kLow;
      c2[lane] = (product0 >> 32) ^ c3[lane] ^ key1;
      c3[lane] = product0 & kLow;
    }
    key0 = (key0 + 0x9E3779B9u) & kLow;
    key1 = (key1 + 0xBB67AE85u) & kLow;
  }
  for (std::size_t lane = 0; lane < kLanes; ++lane) {
    out[4 * lane] = unit(c0[lane]);
    out[4 * lane + 1] = unit(c1[lane]);
    out[4 * lane + 2] = unit(c2[lane]);
    out[4 * lane + 3] = unit(c3[lane]);
  }
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

RandomSequence::RandomSequence(std::uint64_t seed, RandomStream stream, std::uint32_t site, std::uint32_t sample_id,
                               std::uint32_t epoch_or_step)
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

void RandomSequence::uniforms(std::uint64_t first, std::span<float> out) const noexcept {
  std::size_t done = 0;
  while (done < out.size()) {
    const std::uint64_t index = first + done;
    const std::size_t skip = index % 4;  // values of the first counter that lie before `first`
    if (skip == 0 && out.size() - done >= 4 * kLanes) {
      philox_uniforms(static_cast<std::uint32_t>(index / 4), tail_.data(), key_.data(), out.data() + done);
      done += 4 * kLanes;
    } else {
      const auto words = philox4x32_10({static_cast<std::uint32_t>(index / 4), tail_[0], tail_[1], tail_[2]}, key_);
      const std::size_t count = std::min(4 - skip, out.size() - done);
      for (std::size_t i = 0; i < count; ++i) {
        out[done + i] = static_cast<float>(words[skip + i] >> 8) * 0x1p-24f;
      }
      done += count;
    }
  }
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
