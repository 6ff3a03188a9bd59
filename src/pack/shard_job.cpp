#include "pack/shard_job.hpp"

#include <spdlog/spdlog.h>

#include "core/error.hpp"
#include "core/stop_flags.hpp"
#include "data/ordered_jobs.hpp"
#include "data/shard_format.hpp"
#include "image/decode.hpp"
#include "pack/file_chunks.hpp"
#include "pack/ranks.hpp"
#include "pack/shard_note.hpp"
#include "pack/source_bytes.hpp"

namespace muster::pack {
namespace {

std::uint64_t source_bytes_of(const SourceSample& sample) {
  return sample.image.bytes + (sample.mask ? sample.mask->bytes : 0);
}

}  // namespace

// One sample on its way through the threads.
struct ShardJobs::Item {
  const PlannedSample* sample = nullptr;
  PackedSample packed;
  std::string problem;  // "" = none
};

void put(WireWriter& wire, const ShardResult& result) {
  const data::ShardSummary& s = result.summary;
  wire.text(s.file);
  wire.text(s.uuid);
  wire.text(s.xxh3_128);
  wire.value(s.bytes);
  wire.value(s.num_samples);
  wire.value(s.payload_address);
  wire.value(s.payload_bytes);
  wire.value(result.sums);
  wire.value(std::uint64_t{result.skipped.size()});
  for (const SkippedFile& file : result.skipped) {
    wire.text(file.key);
    wire.text(file.reason);
  }
  wire.value(result.taken_over);
}

ShardResult shard_result_from(WireReader& wire) {
  ShardResult result;
  data::ShardSummary& s = result.summary;
  s.file = wire.text();
  s.uuid = wire.text();
  s.xxh3_128 = wire.text();
  s.bytes = wire.value<std::uint64_t>();
  s.num_samples = wire.value<std::uint32_t>();
  s.payload_address = wire.value<std::uint64_t>();
  s.payload_bytes = wire.value<std::uint64_t>();
  result.sums = wire.value<PixelSums>();
  result.skipped.resize(wire.value<std::uint64_t>());
  for (SkippedFile& file : result.skipped) {
    file.key = wire.text();
    file.reason = wire.text();
  }
  result.taken_over = wire.value<bool>();
  return result;
}

ShardJobs::ShardJobs(const SplitPlan& plan, const PackOptions& options, data::ShardIdentity identity, std::filesystem::path folder,
                     PackProgress& progress)
    : plan_(plan), options_(options), identity_(std::move(identity)), folder_(std::move(folder)), progress_(progress) {}

data::ShardIdentity ShardJobs::identity_of(std::size_t number) const {
  data::ShardIdentity identity = identity_;
  identity.number = plan_.first_shard + static_cast<std::uint32_t>(number);
  return identity;
}

SkippedFile ShardJobs::skipped_file(const Item& item) const {
  const io::SourceFile& image = item.sample->source.image;
  return {image.key, without_root(item.problem, plan_.preflight.sources, &image)};
}

// Calls `work` for the samples of a shard on several threads and `take` for each in order on this one.
void ShardJobs::in_order(std::size_t number, const std::function<void()>& between, const Step& work, const Step& take) const {
  using Jobs = data::OrderedJobs<std::vector<Item>>;
  const int workers = data::worker_threads(options_.threads);
  std::size_t next = plan_.shard_begin[number];
  const std::size_t end = plan_.shard_begin[number + 1];
  Jobs jobs(
      workers, 2 * static_cast<std::size_t>(workers),
      [&]() -> std::optional<Jobs::Opened> {
        if (next == end) {
          return std::nullopt;
        }
        const std::size_t first = next;
        next = chunk_end(first, end, [&](std::size_t i) { return source_bytes_of(plan_.preflight.samples[i].source); });
        std::vector<Item> chunk(next - first);
        for (std::size_t i = first; i < next; ++i) {
          chunk[i - first].sample = &plan_.preflight.samples[i];
        }
        const std::size_t count = chunk.size();
        return Jobs::Opened{.group = std::move(chunk), .jobs = count};
      },
      [&](std::vector<Item>& chunk, std::size_t job) { work(chunk[job]); });
  while (std::optional<std::vector<Item>> chunk = jobs.pop()) {
    for (Item& item : *chunk) {
      if (const int signal = requested_stop(); signal != 0) {
        throw PackStopped("packing stopped by signal {}; the same command goes on behind the last finished shard", signal);
      }
      between();
      take(item);
      progress_.add(1, source_bytes_of(item.sample->source));
    }
  }
}

ShardResult ShardJobs::run(std::size_t number, const std::function<void()>& between) const {
  if (std::optional<ShardResult> finished = take_over(number)) {
    return std::move(*finished);
  }
  return make(number, between);
}

ShardResult ShardJobs::make(std::size_t number, const std::function<void()>& between) const {
  ShardResult result;
  data::ShardWriter writer(identity_of(number));
  const auto encode = [&](Item& item) {
    try {
      item.packed = encode_sample(*item.sample, *plan_.preflight.source, options_);
    } catch (const DataError& error) {
      if (!skips_damaged(options_)) {
        throw;
      }
      item.problem = error.what();
    }
  };
  const auto store = [&](Item& item) {
    if (item.problem.empty()) {
      result.sums += item.packed.sums;
      writer.add(std::move(item.packed.record));
    } else {
      result.skipped.push_back(skipped_file(item));
    }
  };
  in_order(number, between, encode, store);
  result.summary = writer.finish(folder_);
  write_shard_note(folder_, result.summary.file, {.xxh3_128 = result.summary.xxh3_128, .sums = result.sums, .skipped = result.skipped});
  return result;
}

// The shard that is there already, if it is of this plan and its note says that these are its bytes.
std::optional<ShardResult> ShardJobs::take_over(std::size_t number) const {
  const data::ShardIdentity identity = identity_of(number);
  const std::filesystem::path path = folder_ / data::shard_file_name(identity.split, identity.number);
  if (!std::filesystem::exists(path)) {
    return std::nullopt;
  }
  data::ShardSummary summary;
  try {
    summary = data::summarise_shard(path, identity);
  } catch (const DataError& error) {
    spdlog::warn("{}; it is made again", error.what());
    return std::nullopt;
  }
  std::optional<ShardNote> note = read_shard_note(folder_, summary.file, summary.xxh3_128);
  if (!note || (!note->skipped.empty() && !skips_damaged(options_))) {
    return std::nullopt;
  }
  for (std::size_t i = plan_.shard_begin[number]; i < plan_.shard_begin[number + 1]; ++i) {
    progress_.add(1, source_bytes_of(plan_.preflight.samples[i].source));
  }
  return ShardResult{.summary = std::move(summary), .sums = note->sums, .skipped = std::move(note->skipped), .taken_over = true};
}

}  // namespace muster::pack
