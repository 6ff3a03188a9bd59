#include "pack/duplicates.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <unordered_map>
#include <utility>

#include "data/ordered_jobs.hpp"

namespace muster::pack {
namespace {

// Samples of which another has the same size, and whose content is not known.
std::vector<std::size_t> rivals_of_unknown_content(const std::vector<PlannedSample>& samples, const std::vector<std::uint64_t>& hashes) {
  std::unordered_map<std::uint64_t, std::size_t> of_size;
  for (const PlannedSample& sample : samples) {
    ++of_size[sample.source.image.bytes];
  }
  std::vector<std::size_t> rivals;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    if (hashes[i] == 0 && of_size[samples[i].source.image.bytes] > 1) {
      rivals.push_back(i);
    }
  }
  return rivals;
}

std::string hash_part(const std::vector<PlannedSample>& samples, const std::vector<std::size_t>& rivals, const PackOptions& options,
                      Ranks& ranks) {
  struct Job {
    const io::SourceFile* file = nullptr;
    std::uint64_t hash = 0;
  };
  using Jobs = data::OrderedJobs<Job>;
  const int workers = data::worker_threads(options.threads);
  auto [next, end] = ranks.part(rivals.size());
  Jobs jobs(
      workers, 4 * static_cast<std::size_t>(workers),
      [&, last = end]() -> std::optional<Jobs::Opened> {
        if (next == last) {
          return std::nullopt;
        }
        return Jobs::Opened{.group = {.file = &samples[rivals[next++]].source.image}};
      },
      [](Job& job, std::size_t) { job.hash = content_hash(*job.file); });
  WireWriter wire;
  while (const std::optional<Job> job = jobs.pop()) {
    wire.value(job->hash);
  }
  return wire.take();
}

}  // namespace

std::vector<std::vector<std::string>> find_duplicates(const std::vector<PlannedSample>& samples, std::vector<std::uint64_t> hashes,
                                                      const PackOptions& options, Ranks& ranks) {
  const std::vector<std::size_t> rivals = rivals_of_unknown_content(samples, hashes);
  std::size_t next = 0;
  for (const std::string& part : ranks.gather([&] { return hash_part(samples, rivals, options, ranks); })) {
    for (WireReader wire(part); !wire.done();) {
      hashes[rivals[next++]] = wire.value<std::uint64_t>();
    }
  }
  std::map<std::pair<std::uint64_t, std::uint64_t>, std::vector<std::string>> groups;  // by size and hash; samples ascend by key
  for (std::size_t i = 0; i < samples.size(); ++i) {
    if (hashes[i] != 0) {
      groups[{samples[i].source.image.bytes, hashes[i]}].push_back(samples[i].source.image.key);
    }
  }
  std::vector<std::vector<std::string>> duplicates;
  for (auto& [content, keys] : groups) {
    if (keys.size() > 1) {
      duplicates.push_back(std::move(keys));
    }
  }
  std::ranges::sort(duplicates);
  return duplicates;
}

}  // namespace muster::pack
