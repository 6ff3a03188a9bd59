// In which order the samples of an epoch are shown: a keyed permutation that is computed, not stored.
//
// An 8-round Feistel network over 2h bits, walked along its cycles until the value is below n. Position -> sample in O(1),
// the same for any number of ranks, workers and batches; so a run resumes from (seed, position) alone.
// Feistel ciphers as permutations: Luby & Rackoff 1988, SIAM J. Comput. 17(2). Cycle walking: Black & Rogaway 2002, "Ciphers
// with arbitrary finite domains", CT-RSA, section 3. Mixing: the finalizer of SplitMix64 (Steele et al. 2014, OOPSLA).
#pragma once

#include <array>
#include <cstdint>

namespace muster::data {

inline constexpr const char* kSampleOrderName = "feistel8-v1";  // as checkpoints record it

class SampleOrder {
 public:
  // n samples, n <= 2^32. `stream` 0 is the order of samples.
  SampleOrder(std::uint64_t n, std::uint64_t seed, std::uint64_t epoch, std::uint64_t stream = 0);

  // The sample at `position`, both in [0, n). Expected < 4 rounds of the network for n >= 8.
  std::uint64_t operator()(std::uint64_t position) const;
  // The position at which `sample` is shown.
  std::uint64_t position_of(std::uint64_t sample) const;

 private:
  std::uint64_t encrypt(std::uint64_t x) const noexcept;
  std::uint64_t decrypt(std::uint64_t x) const noexcept;

  std::uint64_t n_;
  int half_bits_ = 2;
  std::uint64_t mask_ = 3;
  std::array<std::uint64_t, 8> keys_{};
};

// Positions count samples shown since the start of the run, over epochs of n.
struct EpochPosition {
  std::uint64_t epoch = 0;
  std::uint64_t offset = 0;  // in [0, n)
  bool operator==(const EpochPosition&) const = default;
};
inline EpochPosition epoch_position(std::uint64_t position, std::uint64_t n) {
  return {.epoch = position / n, .offset = position % n};
}

}  // namespace muster::data
