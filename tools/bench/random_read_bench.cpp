// Random reads of a packed split beside pread on a plain file with the same blobs, and what reading ahead does for a cold file.
//   random_read_bench [SAMPLES=4000] [BYTES=100000] [FOLDER=/tmp/muster-read-bench] [ROUNDS=7]
// One thread. Warm: the same order each round, both from the page cache, in turn. Cold: pages are dropped before (POSIX_FADV_DONTNEED), and
// a second thread announces the samples 16 ahead or does not.
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

#include <fcntl.h>
#include <unistd.h>

#include <fmt/format.h>

#include "core/atomic_file.hpp"
#include "core/hash.hpp"
#include "core/random.hpp"
#include "data/dataset.hpp"
#include "data/sample_order.hpp"
#include "data/shard_fds.hpp"
#include "data/shard_writer.hpp"

namespace {

using namespace muster;
using namespace muster::data;
using Clock = std::chrono::steady_clock;

template <class Work>
double seconds_of(const Work& work) {
  const auto start = Clock::now();
  work();
  return std::chrono::duration<double>(Clock::now() - start).count();
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

std::vector<std::byte> blob(std::uint32_t id, std::uint32_t bytes) {
  std::vector<std::byte> random(bytes);
  const RandomSequence words(3, RandomStream::kAugment, 0, id, 0);
  for (std::uint32_t i = 0; i + 4 <= bytes; i += 4) {
    const std::uint32_t word = words.bits(i / 4);
    std::memcpy(random.data() + i, &word, 4);
  }
  return random;
}

// A split of unlabelled "images" that are never decoded, and plain.bin with the same blobs.
void write_data(const std::filesystem::path& folder, std::uint32_t samples, std::uint32_t bytes) {
  constexpr std::uint32_t kShardSamples = 1000;
  std::filesystem::create_directories(folder);
  std::ofstream plain(folder / "plain.bin", std::ios::binary);
  ShardIdentity identity;
  identity.task = "pretrain";
  identity.split = "train";
  identity.plan_hash = "bench";
  ManifestSplit split;
  for (std::uint32_t first = 0; first < samples; first += kShardSamples) {
    identity.number = first / kShardSamples;
    ShardWriter writer(identity);
    for (std::uint32_t id = first; id < std::min(samples, first + kShardSamples); ++id) {
      std::vector<std::byte> image = blob(id, bytes);
      plain.write(reinterpret_cast<const char*>(image.data()), bytes);
      SampleRecord record;
      record.key = fmt::format("{:08}.jpg", id);
      record.image = std::move(image);
      record.image_codec = image::Codec::kJpeg;
      record.height = record.width = record.source_height = record.source_width = 100;
      writer.add(std::move(record));
    }
    split.shards.push_back(writer.finish(folder));
  }
  split.plan_hash = identity.plan_hash;
  split.num_samples = link_shards(split.shards);
  identity.number = 0;
  const SplitIndex index = write_split_index(folder, identity, split.shards);
  split.index = index.file;
  split.fingerprint = index.fingerprint;
  Manifest manifest;
  manifest.task = identity.task;
  manifest.splits["train"] = split;
  write_manifest(folder, manifest);
}

void drop_pages(const std::filesystem::path& folder) {
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const UniqueFd fd(::open(entry.path().c_str(), O_RDONLY | O_CLOEXEC));
    ::fsync(fd.get());
    ::posix_fadvise(fd.get(), 0, 0, POSIX_FADV_DONTNEED);
  }
}

}  // namespace

int main(int argc, char** argv) {
  const auto samples = static_cast<std::uint32_t>(argc > 1 ? std::atol(argv[1]) : 4000);
  const auto bytes = static_cast<std::uint32_t>(argc > 2 ? std::atol(argv[2]) : 100000);
  const std::filesystem::path folder = argc > 3 ? argv[3] : "/tmp/muster-read-bench";
  const int rounds = argc > 4 ? std::atoi(argv[4]) : 7;
  write_data(folder, samples, bytes);
  const ShardReader reader = Dataset::open(folder).split("train");
  const auto open_mapped = [&] { return Dataset::open(folder).split("train", IndexCheck::kWhole, {.way = ReadWay::kMmap}); };
  std::optional<ShardReader> mapped = open_mapped();
  const SampleOrder order(samples, 1, 0);
  const UniqueFd plain(::open((folder / "plain.bin").c_str(), O_RDONLY | O_CLOEXEC));
  std::uint64_t sum = 0;
  std::vector<std::byte> buffer(bytes);  // used again by all: new memory for each read costs more than its checksum
  EncodedSample sample;
  const auto read_plain = [&](bool checked) {
    for (std::uint32_t p = 0; p < samples; ++p) {
      check(read_fully(plain.get(), order(p) * bytes, buffer), "plain.bin ends early");
      sum += checked ? crc32_of(buffer) : static_cast<std::uint64_t>(buffer[bytes / 2]);
    }
  };
  const auto read_shards = [&](const ShardReader& from, std::uint32_t ahead) {
    for (std::uint32_t p = 0; p < samples; ++p) {
      if (ahead > 0 && p + ahead < samples) {
        from.will_read(static_cast<std::uint32_t>(order(p + ahead)));
      }
      from.read_into(static_cast<std::uint32_t>(order(p)), sample);
      sum += static_cast<std::uint64_t>(sample.image[bytes / 2]);
    }
  };
  const double mb = 1e-6 * samples * bytes;
  std::vector<double> plain_s, checked_s, shards_s, announced_s, mapped_s, mapped_announced_s;
  for (int round = 0; round < rounds; ++round) {
    plain_s.push_back(seconds_of([&] { read_plain(false); }));
    checked_s.push_back(seconds_of([&] { read_plain(true); }));
    shards_s.push_back(seconds_of([&] { read_shards(reader, 0); }));
    announced_s.push_back(seconds_of([&] { read_shards(reader, 16); }));
    mapped_s.push_back(seconds_of([&] { read_shards(*mapped, 0); }));
    mapped_announced_s.push_back(seconds_of([&] { read_shards(*mapped, 16); }));
  }
  const double plain_rate = mb / median(plain_s);
  fmt::print("warm, {} blobs of {} bytes, one thread, median of {} rounds:\n", samples, bytes, rounds);
  fmt::print("  pread, plain file            {:8.0f} MB/s\n", plain_rate);
  fmt::print("  pread + CRC-32, plain file   {:8.0f} MB/s  {:.2f}\n", mb / median(checked_s), median(plain_s) / median(checked_s));
  fmt::print("  ShardReader::read_into       {:8.0f} MB/s  {:.2f}\n", mb / median(shards_s), median(plain_s) / median(shards_s));
  fmt::print("  the same, announced 16 ahead {:8.0f} MB/s  {:.2f}\n", mb / median(announced_s), median(plain_s) / median(announced_s));
  fmt::print("  the same through mmap        {:8.0f} MB/s  {:.2f} (first round, pages not mapped yet: {:.2f})\n", mb / median(mapped_s),
             median(plain_s) / median(mapped_s), median(plain_s) / mapped_s.front());
  fmt::print("  mmap, announced 16 ahead     {:8.0f} MB/s  {:.2f}\n", mb / median(mapped_announced_s), median(plain_s) / median(mapped_announced_s));
  for (std::vector<double>* times : {&plain_s, &shards_s, &announced_s, &mapped_s, &mapped_announced_s}) {
    times->clear();
  }
  mapped.reset();  // the pages that it holds would stay in the cache
  for (int round = 0; round < std::min(rounds, 3); ++round) {
    drop_pages(folder);
    plain_s.push_back(seconds_of([&] { read_plain(false); }));
    drop_pages(folder);
    shards_s.push_back(seconds_of([&] { read_shards(reader, 0); }));
    drop_pages(folder);
    announced_s.push_back(seconds_of([&] { read_shards(reader, 16); }));
    mapped = open_mapped();
    drop_pages(folder);
    mapped_s.push_back(seconds_of([&] { read_shards(*mapped, 0); }));
    mapped.reset();
  }
  fmt::print("cold: pread {:.0f} MB/s, ShardReader {:.0f} MB/s ({:.2f}), announced 16 ahead {:.0f} MB/s ({:.2f}), mmap {:.0f} MB/s ({:.2f}); (sum {})\n",
             mb / median(plain_s), mb / median(shards_s), median(plain_s) / median(shards_s), mb / median(announced_s),
             median(plain_s) / median(announced_s), mb / median(mapped_s), median(plain_s) / median(mapped_s), sum);
  std::filesystem::remove_all(folder);
  return 0;
}
