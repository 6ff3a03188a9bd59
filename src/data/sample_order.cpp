#include "data/sample_order.hpp"

#include <bit>

#include "core/error.hpp"

namespace muster::data {

namespace {

std::uint64_t mix(std::uint64_t z) noexcept {
  z += 0x9E3779B97F4A7C15;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
  return z ^ (z >> 31);
}

}  // namespace

SampleOrder::SampleOrder(std::uint64_t n, std::uint64_t seed, std::uint64_t epoch, std::uint64_t stream) : n_(n) {
  check(n <= std::uint64_t{1} << 32, "SampleOrder: {} samples, at most 2^32", n);
  const int bits = n <= 2 ? 1 : std::bit_width(n - 1);  // the smallest b >= 1 with 2^b >= n
  half_bits_ = bits <= 4 ? 2 : (bits + 1) / 2;
  mask_ = (std::uint64_t{1} << half_bits_) - 1;
  std::uint64_t key = mix(mix(mix(seed) ^ epoch) ^ stream);
  for (std::uint64_t& round_key : keys_) {
    round_key = key = mix(key);
  }
}

std::uint64_t SampleOrder::encrypt(std::uint64_t x) const noexcept {
  std::uint64_t left = x >> half_bits_;
  std::uint64_t right = x & mask_;
  for (const std::uint64_t key : keys_) {
    const std::uint64_t next = left ^ (mix(right ^ key) & mask_);
    left = right;
    right = next;
  }
  return left << half_bits_ | right;
}

std::uint64_t SampleOrder::decrypt(std::uint64_t x) const noexcept {
  std::uint64_t left = x >> half_bits_;
  std::uint64_t right = x & mask_;
  for (auto key = keys_.rbegin(); key != keys_.rend(); ++key) {
    const std::uint64_t before = right ^ (mix(left ^ *key) & mask_);
    right = left;
    left = before;
  }
  return left << half_bits_ | right;
}

std::uint64_t SampleOrder::operator()(std::uint64_t position) const {
  check(position < n_, "SampleOrder: position {} of {} samples", position, n_);
  if (n_ <= 1) {
    return 0;
  }
  std::uint64_t x = encrypt(position);
  while (x >= n_) {
    x = encrypt(x);
  }
  return x;
}

std::uint64_t SampleOrder::position_of(std::uint64_t sample) const {
  check(sample < n_, "SampleOrder: sample {} of {}", sample, n_);
  if (n_ <= 1) {
    return 0;
  }
  std::uint64_t x = decrypt(sample);
  while (x >= n_) {
    x = decrypt(x);
  }
  return x;
}

}  // namespace muster::data
