#include "data/sample_weights.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>

#include "core/error.hpp"
#include "core/random.hpp"
#include "data/sample_order.hpp"

namespace muster::data {

namespace {

struct ClassShare {
  std::uint32_t train_class = 0;
  std::uint64_t pixels = 0;  // 1 where the pack has no masks
};

// The learned classes of one sample after the other. Its memory serves every sample: sets have millions.
class LearnedClasses {
 public:
  LearnedClasses(const ShardReader& reader, const TrainClasses& classes) : reader_(reader), classes_(classes) {}

  // Of sample `id`, each class once; until the next call.
  std::span<const ClassShare> of(std::uint32_t id) {
    found_.clear();
    reader_.class_histogram_into(id, histogram_);
    for (const ClassPixels& entry : histogram_) {
      add(entry.class_index, entry.pixels);
    }
    reader_.labels_into(id, labels_);
    for (const std::int32_t label : labels_) {
      add(static_cast<std::uint32_t>(label), 1);
    }
    return found_;
  }

 private:
  void add(std::uint32_t dense, std::uint64_t pixels) {
    const std::int32_t train = classes_.train_index(static_cast<std::uint16_t>(dense));
    if (train >= 0) {
      found_.push_back({.train_class = static_cast<std::uint32_t>(train), .pixels = pixels});
    }
  }

  const ShardReader& reader_;
  const TrainClasses& classes_;
  std::vector<ClassPixels> histogram_;
  std::vector<std::int32_t> labels_;
  std::vector<ClassShare> found_;
};

struct ClassCounts {
  std::vector<std::uint64_t> images, pixels;  // by train class
  std::uint64_t all_pixels = 0;
};

ClassCounts count_learned(const ShardReader& reader, const TrainClasses& classes) {
  const auto count = static_cast<std::size_t>(classes.count());
  ClassCounts counts{.images = std::vector<std::uint64_t>(count), .pixels = std::vector<std::uint64_t>(count)};
  LearnedClasses learned(reader, classes);
  for (std::uint32_t id = 0; id < reader.size(); ++id) {
    for (const ClassShare& share : learned.of(id)) {
      counts.images[share.train_class] += 1;
      counts.pixels[share.train_class] += share.pixels;
      counts.all_pixels += share.pixels;
    }
  }
  return counts;
}

// What an image gets for showing class c: the value itself where the largest counts, a summand elsewhere. 0 for a class that no image
// shows.
std::vector<double> class_values(const ClassCounts& counts, std::uint64_t images, Sampling sampling, const SamplingOptions& options) {
  std::vector<double> values(counts.images.size());
  double rarest = 0.0;  // the largest 1 - f_c, so that no exponential overflows
  const auto rarity = [&](std::size_t c) { return 1.0 - static_cast<double>(counts.pixels[c]) / static_cast<double>(counts.all_pixels); };
  for (std::size_t c = 0; c < values.size(); ++c) {
    rarest = counts.images[c] == 0 ? rarest : std::max(rarest, rarity(c));
  }
  for (std::size_t c = 0; c < values.size(); ++c) {
    if (counts.images[c] == 0) {
      continue;
    }
    const auto shown = static_cast<double>(counts.images[c]);
    if (sampling == Sampling::kRepeatFactor) {
      values[c] = std::max(1.0, std::sqrt(options.threshold * static_cast<double>(images) / shown));
    } else if (sampling == Sampling::kClassBalanced) {
      values[c] = 1.0 / shown;
    } else {
      values[c] = std::exp((rarity(c) - rarest) / options.temperature) / shown;
    }
  }
  return values;
}

}  // namespace

std::vector<std::uint32_t> sample_weights(const ShardReader& reader, const TrainClasses& classes, Sampling sampling,
                                          const SamplingOptions& options) {
  check(sampling != Sampling::kUniform, "sample_weights: uniform sampling has no weights");
  const ClassCounts counts = count_learned(reader, classes);
  if (counts.all_pixels == 0) {
    throw ConfigError(
        "loader.sampling wants classes to choose by, but no image of split {} shows a learned class; use loader.sampling=uniform",
        reader.split());
  }
  const std::vector<double> values = class_values(counts, reader.size(), sampling, options);
  std::vector<double> exact(reader.size());
  LearnedClasses learned(reader, classes);
  double largest = 0.0;
  for (std::uint32_t id = 0; id < reader.size(); ++id) {
    double weight = sampling == Sampling::kRepeatFactor ? 1.0 : 0.0;
    for (const ClassShare& share : learned.of(id)) {
      const double value = values[share.train_class];
      weight = sampling == Sampling::kRepeatFactor ? std::max(weight, value) : weight + value;
    }
    exact[id] = weight;
    largest = std::max(largest, weight);
  }
  std::vector<std::uint32_t> weights(exact.size());
  std::ranges::transform(exact, weights.begin(), [&](double weight) {
    return static_cast<std::uint32_t>(std::floor(weight / largest * std::numeric_limits<std::uint32_t>::max() + 0.5));
  });
  return weights;
}

// Each column of the table holds `sum` units: first those of its own entry, then of one other. An entry with fewer units than a column
// is filled up by one with more, which keeps the rest.
AliasTable::AliasTable(std::span<const std::uint32_t> weights) : keep_(weights.size()), alias_(weights.size()) {
  const std::uint64_t n = weights.size();
  check(n > 0 && n <= std::uint64_t{1} << 32, "AliasTable: {} entries", n);
  std::uint64_t sum = 0;
  for (const std::uint32_t weight : weights) {
    sum += weight;
  }
  check(sum > 0, "AliasTable: {} entries, none with a weight", n);
  std::vector<std::uint64_t> units(n);  // of each entry: n times its weight, less what it gave away; < 2^64
  std::vector<std::uint32_t> small, large;
  for (std::uint64_t i = 0; i < n; ++i) {
    units[i] = weights[i] * n;
    (units[i] < sum ? small : large).push_back(static_cast<std::uint32_t>(i));
  }
  const auto fill = [&](std::uint32_t column, std::uint32_t other) {
    // units / sum in 32 bits; both are halved until the product below fits
    std::uint64_t part = units[column], whole = sum;
    while (part >> 32 != 0) {
      part >>= 1;
      whole >>= 1;
    }
    keep_[column] = static_cast<std::uint32_t>(std::min<std::uint64_t>((part << 32) / whole, std::numeric_limits<std::uint32_t>::max()));
    alias_[column] = other;
  };
  while (!small.empty() && !large.empty()) {
    const std::uint32_t column = small.back(), giver = large.back();
    small.pop_back();
    fill(column, giver);
    units[giver] -= sum - units[column];
    if (units[giver] < sum) {
      large.pop_back();
      small.push_back(giver);
    }
  }
  for (const std::uint32_t column : large) {  // exactly full
    keep_[column] = 0;
    alias_[column] = column;
  }
  check(small.empty(), "AliasTable: {} columns stay open", small.size());
}

std::uint32_t AliasTable::draw(std::uint32_t high, std::uint32_t low, std::uint32_t toss) const noexcept {
  const std::uint64_t n = alias_.size();
  // The upper 64 bits of n times the 64 random ones, of a product of 96: a column, each as likely as the others to within 2^-64 n.
  const auto column = static_cast<std::size_t>((high * n + (low * n >> 32)) >> 32);
  return toss < keep_[column] ? static_cast<std::uint32_t>(column) : alias_[column];
}

WeightedOrder::WeightedOrder(std::span<const std::uint32_t> weights, std::uint64_t seed) : table_(weights), seed_(seed) {}

std::uint32_t WeightedOrder::operator()(std::uint64_t position) const {
  constexpr std::uint32_t kSite = 7 * 32;
  const EpochPosition at = epoch_position(position, table_.size());
  check(at.epoch <= std::numeric_limits<std::uint32_t>::max(), "WeightedOrder: epoch {} does not fit 32 bits", at.epoch);
  const RandomSequence random(seed_, RandomStream::kAugment, kSite, static_cast<std::uint32_t>(at.offset),
                              static_cast<std::uint32_t>(at.epoch));
  return table_.draw(random.bits(0), random.bits(1), random.bits(2));
}

}  // namespace muster::data
