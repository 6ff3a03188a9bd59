// What opening a large split costs: an index is synthesised, then mapped and checked as the first rank of a node does, and as the others
// do.
//   index_startup_bench [SAMPLES=1000000] [FOLDER=/tmp/muster-index-bench]
// Prints seconds and private memory of each; then what a sample order costs per index.
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include <fmt/format.h>

#include "core/random.hpp"
#include "data/index_map.hpp"
#include "data/sample_order.hpp"
#include "data/sample_weights.hpp"
#include "data/shard_file.hpp"
#include "data/shard_reader.hpp"

namespace {

using namespace muster;
using namespace muster::data;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Memory that is no file's, resident, in bytes.
double anonymous_bytes() {
  std::ifstream rollup("/proc/self/smaps_rollup");
  for (std::string line; std::getline(rollup, line);) {
    if (line.starts_with("Anonymous:")) {
      return std::stod(line.substr(10)) * 1024;
    }
  }
  throw DataError("/proc/self/smaps_rollup says nothing of anonymous memory");
}

constexpr std::uint32_t kShardSamples = 5000;
constexpr std::uint32_t kClasses = 150;

ClassList class_list() {
  std::vector<std::pair<std::int32_t, std::string>> classes;
  for (std::uint32_t c = 0; c < kClasses; ++c) {
    classes.emplace_back(static_cast<std::int32_t>(c), fmt::format("class {}", c));
  }
  return make_class_list(std::move(classes));
}

// A split like a large semantic one: 100 KB images with masks, five classes each. The shards are named and never read.
ManifestSplit synthesise(const std::filesystem::path& folder, std::uint32_t samples) {
  ShardIdentity identity;
  identity.split = "train";
  identity.plan_hash = "synthetic";
  identity.classes = class_list();
  IndexColumns columns = start_columns(TargetKind::kClassMask);
  std::vector<std::uint32_t> shard_of;
  ManifestSplit split;
  split.num_samples = samples;
  split.plan_hash = identity.plan_hash;
  split.statistics.class_pixels.assign(kClasses, 0);
  split.statistics.class_images.assign(kClasses, 0);
  std::uint64_t offset = 64;
  for (std::uint32_t id = 0; id < samples; ++id) {
    if (id % kShardSamples == 0) {
      offset = 64;
      ManifestShard shard;
      shard.file = shard_file_name("train", id / kShardSamples);
      shard.uuid = to_hex(shard_uuid(identity.plan_hash, "train", id / kShardSamples));
      shard.xxh3_128.assign(32, '0');
      shard.num_samples = std::min(kShardSamples, samples - id);
      shard.first_index = id;
      shard.bytes = shard.payload_bytes = kPayloadHeaderBytes;
      split.shards.push_back(std::move(shard));
    }
    const RandomSequence random(1, RandomStream::kAugment, 0, id, 0);
    columns.key.push_back(fmt::format("training/folder_{:04}/image_{:08}.jpg", id / 1000, id));
    columns.image_offset.push_back(offset);
    columns.image_size.push_back(100000 + random.bits(0) % 1000);
    columns.image_crc32.push_back(random.bits(1));
    columns.image_codec.push_back(image::Codec::kJpeg);
    columns.height.push_back(480);
    columns.width.push_back(640);
    columns.source_height.push_back(480);
    columns.source_width.push_back(640);
    columns.channels.push_back(3);
    columns.bit_depth.push_back(8);
    columns.orientation.push_back(1);
    columns.flags.push_back(0);
    columns.mask_offset.push_back(offset + 102400);
    columns.mask_size.push_back(3000);
    columns.mask_crc32.push_back(random.bits(2));
    columns.mask_codec.push_back(image::Codec::kZlibRaw);
    columns.mask_dtype.push_back(1);
    offset += 106496;
    for (std::uint32_t c = 0; c < 5; ++c) {
      columns.class_id.push_back(static_cast<std::uint16_t>(30 * c + random.bits(3 + c) % 30));
      columns.class_pixels.push_back(1 + random.bits(8 + c) % 100000);
    }
    columns.class_ptr.push_back(columns.class_id.size());
    shard_of.push_back(id / kShardSamples);
  }
  split.index.file = "index-train.h5";
  create_index_file(folder / split.index.file, identity, columns, shard_of);
  const FileDigest digest = file_digest(folder / split.index.file);
  split.index.bytes = digest.bytes;
  split.index.xxh3_128 = digest.xxh3_128;
  split.fingerprint = fingerprint(columns);
  for (const ManifestShard& shard : split.shards) {
    std::ofstream(folder / shard.file) << std::string(kPayloadHeaderBytes, 'x');
  }
  return split;
}

void measure_start(const std::filesystem::path& folder, const Manifest& manifest, IndexCheck check, const char* who) {
  const double before = anonymous_bytes();
  const auto start = Clock::now();
  const ShardReader reader(folder, "train", manifest, check);
  const double seconds = seconds_since(start);
  const double opened = anonymous_bytes() - before;
  std::uint64_t pixels = 0;
  for (std::uint32_t i = 0; i < 100000; ++i) {
    for (const ClassPixels& entry : reader.class_histogram(static_cast<std::uint32_t>(i * 7919ULL % reader.size()))) {
      pixels += entry.pixels;
    }
  }
  fmt::print("{}: opened in {:.3f} s; private memory {:+.1f} MB, {:+.1f} MB after 100,000 random rows ({} pixels); {:.1f} MB in all\n", who,
             seconds, opened / 1e6, (anonymous_bytes() - before) / 1e6, pixels, anonymous_bytes() / 1e6);
}

void measure_order(std::uint64_t n) {
  constexpr std::uint64_t kDraws = 2'000'000;
  std::uint64_t sum = 0;
  auto start = Clock::now();
  const SampleOrder order(n, 7, 3);
  for (std::uint64_t p = 0; p < kDraws; ++p) {
    sum += order(p % n);
  }
  const double one_order = seconds_since(start) / kDraws;
  start = Clock::now();
  for (std::uint64_t p = 0; p < kDraws; ++p) {
    sum += SampleOrder(n, 7, p / n)(p % n);  // as the loader does, which holds no state
  }
  const double fresh = seconds_since(start) / kDraws;
  start = Clock::now();
  for (std::uint64_t p = 0; p < kDraws; ++p) {
    sum += order.position_of(p % n);
  }
  const double inverse = seconds_since(start) / kDraws;
  fmt::print("order of {} samples: {:.0f} ns per index, {:.0f} ns with the keys made anew, {:.0f} ns for its inverse (sum {})\n", n,
             1e9 * one_order, 1e9 * fresh, 1e9 * inverse, sum);
}

void measure_weights(const ShardReader& reader, const TrainClasses& classes) {
  auto start = Clock::now();
  const std::vector<std::uint32_t> weights = sample_weights(reader, classes, Sampling::kRepeatFactor, {.threshold = 0.05});
  const double weighing = seconds_since(start);
  start = Clock::now();
  const WeightedOrder order(weights, 7);
  const double table = seconds_since(start);
  std::uint64_t sum = 0;
  constexpr std::uint64_t kDraws = 2'000'000;
  start = Clock::now();
  for (std::uint64_t p = 0; p < kDraws; ++p) {
    sum += order(p);
  }
  fmt::print("weighted sampling: weights in {:.3f} s, alias table in {:.3f} s, {:.0f} ns per draw (sum {})\n", weighing, table,
             1e9 * seconds_since(start) / kDraws, sum);
}

}  // namespace

int main(int argc, char** argv) {
  const auto samples = static_cast<std::uint32_t>(argc > 1 ? std::atol(argv[1]) : 1000000);
  const std::filesystem::path folder = argc > 2 ? argv[2] : "/tmp/muster-index-bench";
  std::filesystem::create_directories(folder);
  Manifest manifest;
  manifest.classes = class_list();
  // In a process of its own, so that its memory is not in the figures.
  if (argc > 3) {
    manifest.splits["train"] = synthesise(folder, samples);
    write_manifest(folder, manifest);
    return 0;
  }
  const auto start = Clock::now();
  if (std::system(fmt::format("'{}' {} '{}' synthesise", argv[0], samples, folder.string()).c_str()) != 0) {
    return 1;
  }
  manifest = read_manifest(folder);
  fmt::print("{} samples, index of {:.1f} MB, {} shards; synthesised in {:.1f} s\n", samples, manifest.splits["train"].index.bytes / 1e6,
             manifest.splits["train"].shards.size(), seconds_since(start));
  measure_start(folder, manifest, IndexCheck::kWhole, "first rank of a node ");
  measure_start(folder, manifest, IndexCheck::kLayout, "other ranks          ");
  measure_order(1000000);
  measure_order(1281167);
  const ShardReader reader(folder, "train", manifest, IndexCheck::kLayout);
  measure_weights(reader, TrainClasses(manifest.classes));
  std::filesystem::remove_all(folder);
  return 0;
}
