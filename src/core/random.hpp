// Random numbers that depend on what they are for, never on when or where they are drawn.
//
// Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3", SC'11, section 3.3) is a stateless
// function of a key and a counter. Key = (seed, stream); counter = (index, site, sample id, epoch or step). So a draw
// survives any rank count, micro-batch, thread and recompute, and a checkpoint holds no generator state (CONTRACTS 6).
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

namespace muster {

// key {seed, stream}, counter words 0..3 -> four words
std::array<std::uint32_t, 4> philox4x32_10(std::array<std::uint32_t, 4> counter, std::array<std::uint32_t, 2> key) noexcept;

enum class RandomStream : std::uint32_t {
  kAugment = 1,     // site = operation * 32 + attempt; last word = epoch
  kInit = 2,        // site and sample id = XXH3-64 of the parameter's name (high, low word); last word 0
  kDropPath = 3,    // site = block; step
  kPoints = 4,      // matcher: site = layer; loss: site = (layer + 1) * 65536 + mask; step
  kMaskAnneal = 5,  // site = block, index = query; step
  kRope = 6,        // site = block, sample id 0; step
};

// The values of one site: value i is word i mod 4 of Philox at counter word 0 = i / 4. Cheap to copy; any thread.
class RandomSequence {
 public:
  // Throws ConfigError when seed does not fit 32 bits.
  RandomSequence(std::uint64_t seed, RandomStream stream, std::uint32_t site, std::uint32_t sample_id, std::uint32_t epoch_or_step);

  // Of a parameter's initial values.
  static RandomSequence for_parameter(std::uint64_t seed, std::string_view parameter_name);

  std::uint32_t bits(std::uint64_t index) const noexcept;
  // In [0, 1), a multiple of 2^-24: the same value in fp32 and fp64.
  double uniform(std::uint64_t index) const noexcept { return (bits(index) >> 8) * (1.0 / 16777216.0); }
  // out[i] = uniform(first + i), several times as fast as one by one.
  void uniforms(std::uint64_t first, std::span<float> out) const noexcept;
  // In [low, high)
  double uniform(std::uint64_t index, double low, double high) const noexcept { return low + (high - low) * uniform(index); }
  // Standard normal, by Box and Muller from uniforms 2 index and 2 index + 1, in double.
  double normal(std::uint64_t index) const noexcept;
  // out[i] = scale * normal(first + i) rounded to float, to the last bit, many times as fast as one by one.
  void normals(std::uint64_t first, double scale, std::span<float> out) const noexcept;
  // Standard normal cut to [-bound, bound], by inverting the distribution of uniform `index`.
  double truncated_normal(std::uint64_t index, double bound) const noexcept;

 private:
  std::array<std::uint32_t, 2> key_;
  std::array<std::uint32_t, 3> tail_;  // counter words 1..3
};

}  // namespace muster
