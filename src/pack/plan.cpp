#include "pack/plan.hpp"

#include <algorithm>
#include <iterator>
#include <type_traits>

#include <fmt/format.h>

#include "core/hash.hpp"
#include "data/sample_order.hpp"

namespace muster::pack {
namespace {

constexpr std::uint64_t kStorageStream = 1;  // of SampleOrder; stream 0 orders the epochs of a run

// Fields separated by zero bytes, which no key contains.
class Digest {
 public:
  template <class T>
  Digest& operator<<(const T& field) {
    if constexpr (std::is_convertible_v<T, std::string_view>) {
      fields_ += field;
    } else {
      fmt::format_to(std::back_inserter(fields_), "{}", field);
    }
    fields_ += '\0';
    if (fields_.size() >= kAtOnce) {
      flush();
    }
    return *this;
  }
  // Fields that are separated already.
  void raw(std::string_view fields) { fields_ += fields; }
  std::string hex() {
    flush();
    return hash_.hex();
  }

 private:
  static constexpr std::size_t kAtOnce = 1 << 16;  // bytes: there are several fields per sample, and a million samples

  void flush() {
    hash_.update(fields_);
    fields_.clear();
  }

  Xxh3Stream hash_;
  std::string fields_;
};

std::vector<const SourceSample*> listed_sources(const std::vector<PlannedSample>& samples) {
  std::vector<const SourceSample*> sources;
  sources.reserve(samples.size());
  for (const PlannedSample& sample : samples) {
    sources.push_back(&sample.source);
  }
  return sources;
}

std::string times_digest(const std::vector<PlannedSample>& samples) {
  Digest digest;
  for (const PlannedSample& sample : samples) {
    digest << sample.source.image.mtime_ns << (sample.source.mask ? sample.source.mask->mtime_ns : 0);
  }
  return digest.hex();
}

void shuffle(std::vector<PlannedSample>& samples, std::uint64_t seed) {
  const data::SampleOrder order(samples.size(), seed, 0, kStorageStream);
  std::vector<PlannedSample> shuffled;
  shuffled.reserve(samples.size());
  for (std::size_t position = 0; position < samples.size(); ++position) {
    shuffled.push_back(std::move(samples[order(position)]));
  }
  samples = std::move(shuffled);
}

std::vector<std::size_t> cut(const std::vector<PlannedSample>& samples, std::uint64_t shard_bytes) {
  std::vector<std::size_t> begin{0};
  std::uint64_t bytes = 0;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    if (bytes >= shard_bytes) {
      begin.push_back(i);
      bytes = 0;
    }
    bytes += samples[i].source.image.bytes + (samples[i].source.mask ? samples[i].source.mask->bytes : 0);
  }
  begin.push_back(samples.size());
  return begin;
}

std::string plan_hash(const SplitPlan& plan, const PackOptions& options) {
  Digest digest;
  digest << "muster-plan 1" << options.task << plan.preflight.split << plan.preflight.orientation << plan.order.kind << plan.order.seed;
  digest.raw(plan.preflight.source->definition());
  // What older plans did not have enters only where it is used.
  if (options.max_side > 0) {
    digest << "max_side" << options.max_side;
  }
  if (options.strip_metadata) {
    digest << "strip_metadata";
  }
  if (plan.first_shard > 0) {
    digest << "behind shard" << plan.first_shard;
  }
  digest << "samples" << listing_digest(listed_sources(plan.preflight.samples)) << "cuts";
  for (const std::size_t begin : plan.shard_begin) {
    digest << begin;
  }
  return digest.hex();
}

}  // namespace

std::string listing_digest(const std::vector<const SourceSample*>& samples) {
  Digest digest;
  for (const SourceSample* sample : samples) {
    digest << sample->image.key << sample->image.bytes;
    if (sample->mask) {
      digest << sample->mask->key << sample->mask->bytes;
    } else {
      digest << fmt::format("{}", fmt::join(sample->labels, ","));
    }
    if (!sample->annotation_digest.empty()) {
      digest << sample->annotation_digest;
    }
  }
  return digest.hex();
}

SplitPlan make_plan(SplitPreflight preflight, const PackOptions& options, std::uint32_t first_shard) {
  SplitPlan plan;
  plan.preflight = std::move(preflight);
  plan.first_shard = first_shard;
  std::vector<PlannedSample>& samples = plan.preflight.samples;
  plan.listing_digest = listing_digest(listed_sources(samples));
  plan.times_digest = times_digest(samples);
  if (plan.preflight.split == "train") {
    plan.order = {.kind = "shuffled", .seed = static_cast<std::uint64_t>(options.seed)};
    shuffle(samples, plan.order.seed);
  }
  plan.shard_begin = cut(samples, static_cast<std::uint64_t>(options.shard_bytes));
  plan.plan_hash = plan_hash(plan, options);
  return plan;
}

std::string plan_json(const std::vector<SplitPlan>& plans) {
  io::Value splits = io::Value::map();
  for (const SplitPlan& plan : plans) {
    splits.set(plan.preflight.split, io::Value::map({{"plan_hash", plan.plan_hash},
                                                     {"listing_digest", plan.listing_digest},
                                                     {"times_digest", plan.times_digest},
                                                     {"num_samples", std::uint64_t{plan.preflight.samples.size()}},
                                                     {"first_shard", plan.first_shard},
                                                     {"num_shards", std::uint64_t{plan.num_shards()}}}));
  }
  return io::to_json(io::Value::map({{"format", "muster-plan"}, {"splits", splits}})) + "\n";
}

}  // namespace muster::pack
