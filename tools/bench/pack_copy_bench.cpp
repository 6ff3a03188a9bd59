// Writing a shard beside writing the same bytes to a plain file: both from memory, both flushed to the disk, in turn.
//   pack_copy_bench FOLDER [SHARD_MB=512] [IMAGE_KB=100] [ROUNDS=5]      FOLDER on the disk in question
// The shard's time holds everything between encoded samples and a finished file: CRC-32 of each, index columns, HDF5, XXH3-128, fsync,
// rename. Exit 1 when the median of shard / raw rates of the rounds is below 0.7.
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include <fmt/format.h>

#include "core/atomic_file.hpp"
#include "core/error.hpp"
#include "data/shard_writer.hpp"

namespace {

namespace fs = std::filesystem;
using muster::data::SampleRecord;

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

// Bytes that no file system can compress, as those of JPEG files.
std::vector<SampleRecord> make_records(std::size_t count, std::size_t image_bytes) {
  std::vector<SampleRecord> records(count);
  std::uint64_t state = 1;
  for (std::size_t i = 0; i < count; ++i) {
    SampleRecord& record = records[i];
    record.key = fmt::format("folder/{:08}.jpg", i);
    record.image.resize(image_bytes);
    for (std::size_t at = 0; at + 8 <= image_bytes; at += 8) {
      state = state * 6364136223846793005u + 1442695040888963407u;
      const std::uint64_t word = state ^ (state >> 29);
      std::copy_n(reinterpret_cast<const std::byte*>(&word), 8, record.image.data() + at);
    }
    record.image_codec = muster::image::Codec::kJpeg;
    record.height = record.source_height = 375;
    record.width = record.source_width = 500;
  }
  return records;
}

double write_raw(const fs::path& path, const std::vector<SampleRecord>& records) {
  constexpr std::size_t kChunk = 4 << 20;
  std::vector<std::byte> chunk(kChunk);
  for (std::size_t at = 0; at < kChunk; at += records[0].image.size()) {
    std::copy_n(records[0].image.data(), std::min(kChunk - at, records[0].image.size()), chunk.data() + at);
  }
  const auto begin = std::chrono::steady_clock::now();
  const muster::UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  std::uint64_t left = 0;
  for (const SampleRecord& record : records) {
    left += record.image.size();
  }
  while (left > 0) {
    const ssize_t put = ::write(fd.get(), chunk.data(), std::min<std::uint64_t>(left, kChunk));
    if (put <= 0) {
      muster::throw_output_error("write", path, errno);
    }
    left -= static_cast<std::uint64_t>(put);
  }
  if (::fsync(fd.get()) != 0) {
    muster::throw_output_error("flush", path, errno);
  }
  muster::fsync_folder(path.parent_path());
  return seconds_since(begin);
}

double write_shard(const fs::path& folder, std::vector<SampleRecord> records) {
  const muster::data::ShardIdentity identity{
      .task = "pretrain", .split = "train", .plan_hash = "bench", .producer = "bench", .classes = {}};
  const auto begin = std::chrono::steady_clock::now();
  muster::data::ShardWriter writer(identity);
  for (SampleRecord& record : records) {
    writer.add(std::move(record));
  }
  (void)writer.finish(folder);
  return seconds_since(begin);
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 2) {
    fmt::print(stderr, "usage: pack_copy_bench FOLDER [SHARD_MB=512] [IMAGE_KB=100] [ROUNDS=5]\n");
    return 2;
  }
  const auto number = [&](int i, std::size_t otherwise) { return count > i ? std::strtoull(arguments[i], nullptr, 10) : otherwise; };
  const std::size_t image_bytes = number(3, 100) * 1000;
  const std::size_t images = number(2, 512) * 1'000'000 / image_bytes;
  const double megabytes = static_cast<double>(images * image_bytes) * 1e-6;
  const fs::path folder = fs::path(arguments[1]) / fmt::format("pack_copy_bench.{}", ::getpid());
  try {
    fs::create_directories(folder);
    const std::vector<SampleRecord> records = make_records(images, image_bytes);
    std::vector<double> raw_rates, shard_rates, ratios;
    for (std::size_t round = 0; round < number(4, 5) + 1; ++round) {
      const double raw = write_raw(folder / "raw", records);
      const double shard = write_shard(folder, records);
      fmt::print("{}: raw {:.0f} MB/s, shard {:.0f} MB/s, {:.3f}\n", round == 0 ? "warm-up" : fmt::format("round {}", round),
                 megabytes / raw, megabytes / shard, raw / shard);
      std::fflush(stdout);
      if (round > 0) {
        raw_rates.push_back(megabytes / raw);
        shard_rates.push_back(megabytes / shard);
        ratios.push_back(raw / shard);
      }
      fs::remove(folder / "raw");
      fs::remove(folder / "train-00000.h5");
    }
    fs::remove_all(folder);
    fmt::print("{} images of {} bytes, medians: raw {:.0f} MB/s, shard {:.0f} MB/s, ratio {:.3f} (bar 0.7)\n", images, image_bytes,
               median(raw_rates), median(shard_rates), median(ratios));
    return median(ratios) >= 0.7 ? 0 : 1;
  } catch (const muster::Error& error) {
    fs::remove_all(folder);
    fmt::print(stderr, "{}\n", error.what());
    return 3;
  }
}
