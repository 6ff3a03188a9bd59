// Sampling with replacement: images that show rare classes are drawn more often.
//
// Let c run over the learned classes, n_c be the images that show c, N all images, and f_c the share of c: of the labelled pixels where the
// pack has masks, else of the images. The weight of an image with classes C, of which the probability of being drawn is a multiple:
//   repeat_factor    max over C of max(1, sqrt(threshold / (n_c / N))); 1 for an image without any class.
//                    Gupta, Dollár & Girshick 2019, "LVIS", arXiv:1908.03195, section 4 (repeat factor sampling).
//   class_balanced   sum over C of 1 / n_c: a class is drawn first, each alike, then one of its images.
//   rare_class       sum over C of p_c / n_c with p_c ∝ exp((1 - f_c) / temperature), the probability of drawing class c first.
//                    Hoyer, Dai & Van Gool 2022, "DAFormer", arXiv:2111.14887, equations 5 and 6 (rare class sampling).
// Draws come from an alias table (Vose 1991, IEEE Trans. Software Eng. 17(9)) in whole numbers, so all machines draw alike.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "data/class_list.hpp"
#include "data/loader_options.hpp"
#include "data/shard_reader.hpp"

namespace muster::data {

// The weight of each sample in multiples of 2^-32 of the largest, which is 2^32 - 1. ConfigError when the split has no classes, or no
// sample shows a learned one.
std::vector<std::uint32_t> sample_weights(const ShardReader& reader, const TrainClasses& classes, Sampling sampling,
                                          const SamplingOptions& options);

// Draws i in [0, n) with probability weight[i] / sum, to within 2^-32 of 1 / n. 8 bytes per entry.
class AliasTable {
 public:
  // InvariantError for more than 2^32 entries or none with a weight.
  explicit AliasTable(std::span<const std::uint32_t> weights);

  std::size_t size() const noexcept { return alias_.size(); }
  // From three words of random bits.
  std::uint32_t draw(std::uint32_t high, std::uint32_t low, std::uint32_t toss) const noexcept;

 private:
  std::vector<std::uint32_t> keep_;  // column i is i itself for a toss below keep_[i], else alias_[i]
  std::vector<std::uint32_t> alias_;
};

// Which sample is shown at each position of the run, counted over epochs of n draws: a function of (seed, position) alone, as
// SampleOrder is. Stream augment, site 7 * 32, sample id and epoch = position mod n and position / n (CONTRACTS 6). Any thread.
class WeightedOrder {
 public:
  WeightedOrder(std::span<const std::uint32_t> weights, std::uint64_t seed);
  std::uint32_t operator()(std::uint64_t position) const;

 private:
  AliasTable table_;
  std::uint64_t seed_;
};

inline constexpr const char* kWeightedOrderName = "alias-v1";  // as checkpoints record it

}  // namespace muster::data
