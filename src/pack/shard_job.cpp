#include "pack/shard_job.hpp"

#include <functional>
#include <optional>
#include <set>

#include <spdlog/spdlog.h>

#include "core/error.hpp"
#include "core/stop_flags.hpp"
#include "data/ordered_jobs.hpp"
#include "data/shard_format.hpp"
#include "image/decode.hpp"
#include "pack/source_bytes.hpp"

namespace muster::pack {
namespace {

// One sample on its way through the threads.
struct Item {
  const PlannedSample* sample = nullptr;
  EncodedPair encoded;
  std::string problem;  // "" = none
};

// Calls `work` for samples [begin, end) on several threads and `take` for each in order on this one.
void in_order(const std::vector<PlannedSample>& samples, std::size_t begin, std::size_t end, int threads,
              const std::function<void(Item&)>& work, const std::function<void(Item&)>& take) {
  using Jobs = data::OrderedJobs<Item>;
  const int workers = data::worker_threads(threads);
  std::size_t next = begin;
  Jobs jobs(
      workers, 2 * static_cast<std::size_t>(workers),
      [&]() -> std::optional<Jobs::Opened> {
        if (next == end) {
          return std::nullopt;
        }
        return Jobs::Opened{.group = {.sample = &samples[next++], .encoded = {}, .problem = {}}};
      },
      [&](Item& item, std::size_t) { work(item); });
  while (std::optional<Item> item = jobs.pop()) {
    if (const int signal = requested_stop(); signal != 0) {
      throw PackStopped("packing stopped by signal {}; the same command goes on behind the last finished shard", signal);
    }
    take(*item);
  }
}

}  // namespace

ShardJobs::ShardJobs(const SplitPlan& plan, const PackOptions& options, const DeclaredClasses& declared, data::ShardIdentity identity,
                     std::filesystem::path folder)
    : plan_(plan), options_(options), declared_(declared), table_(declared), identity_(std::move(identity)), folder_(std::move(folder)) {}

data::ShardIdentity ShardJobs::identity_of(std::uint32_t number) const {
  data::ShardIdentity identity = identity_;
  identity.number = number;
  return identity;
}

ShardResult ShardJobs::run(std::uint32_t number) const {
  if (std::optional<ShardResult> finished = take_over(number)) {
    return std::move(*finished);
  }
  return make(number);
}

ShardResult ShardJobs::make(std::uint32_t number) const {
  ShardResult result;
  data::ShardWriter writer(identity_of(number));
  const auto encode = [&](Item& item) {
    try {
      item.encoded = encode_pair(*item.sample, table_, declared_);
    } catch (const DataError& error) {
      if (options_.on_error != "skip") {
        throw;
      }
      item.problem = error.what();
    }
  };
  const auto store = [&](Item& item) {
    if (item.problem.empty()) {
      result.sums += item.encoded.sums;
      writer.add(std::move(item.encoded.record));
    } else {
      result.skipped.push_back({item.sample->source.image.key, without_root(item.problem, plan_.preflight.sources)});
    }
  };
  in_order(plan_.preflight.samples, plan_.shard_begin[number], plan_.shard_begin[number + 1], options_.threads, encode, store);
  result.summary = writer.finish(folder_);
  return result;
}

// The shard that is there already, if it is whole and of this plan. Its images' sums are taken from the sources again.
std::optional<ShardResult> ShardJobs::take_over(std::uint32_t number) const {
  const std::filesystem::path path = folder_ / data::shard_file_name(identity_.split, number);
  if (!std::filesystem::exists(path)) {
    return std::nullopt;
  }
  ShardResult result;
  std::set<std::string> stored;
  try {
    result.summary = data::summarise_shard(path, identity_of(number));
    for (std::string& key : data::read_columns(path).key) {
      stored.insert(std::move(key));
    }
  } catch (const DataError& error) {
    spdlog::warn("{}; it is made again", error.what());
    return std::nullopt;
  }
  const std::size_t begin = plan_.shard_begin[number];
  const std::size_t end = plan_.shard_begin[number + 1];
  if (stored.size() != end - begin && options_.on_error != "skip") {
    return std::nullopt;
  }
  const auto look = [&](Item& item) {
    const io::SourceFile& image = item.sample->source.image;
    try {
      if (stored.contains(image.key)) {
        item.encoded.sums = pixel_sums(image::decode_rgb(read_source(image), image.path.string()));
      } else {
        (void)encode_pair(*item.sample, table_, declared_);
        item.problem = "left out by an earlier, interrupted packing";
      }
    } catch (const DataError& error) {
      item.problem = error.what();
    }
  };
  const auto count = [&](Item& item) {
    result.sums += item.encoded.sums;
    if (!item.problem.empty()) {
      result.skipped.push_back({item.sample->source.image.key, without_root(item.problem, plan_.preflight.sources)});
    }
  };
  in_order(plan_.preflight.samples, begin, end, options_.threads, look, count);
  result.taken_over = true;
  return result;
}

}  // namespace muster::pack
