#include "pack/duplicates.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <unordered_map>
#include <utility>

#include "data/ordered_jobs.hpp"

namespace muster::pack {
namespace {

// A file whose content has to be read, and where its hash goes.
struct Unread {
  const io::SourceFile* file = nullptr;
  std::uint64_t* hash = nullptr;
};

std::string hash_part(const std::vector<Unread>& files, const PackOptions& options, Ranks& ranks) {
  struct Job {
    const io::SourceFile* file = nullptr;
    std::uint64_t hash = 0;
  };
  using Jobs = data::OrderedJobs<Job>;
  const int workers = data::worker_threads(options.threads);
  auto [next, end] = ranks.part(files.size());
  Jobs jobs(
      workers, 4 * static_cast<std::size_t>(workers),
      [&, last = end]() -> std::optional<Jobs::Opened> {
        if (next == last) {
          return std::nullopt;
        }
        return Jobs::Opened{.group = {.file = files[next++].file}};
      },
      [](Job& job, std::size_t) { job.hash = content_hash(*job.file); });
  WireWriter wire;
  while (const std::optional<Job> job = jobs.pop()) {
    wire.value(job->hash);
  }
  return wire.take();
}

// The ranks read the files by parts, and all of them get all hashes.
void read_hashes(const std::vector<Unread>& files, const PackOptions& options, Ranks& ranks) {
  std::size_t next = 0;
  for (const std::string& part : ranks.gather([&] { return hash_part(files, options, ranks); })) {
    for (WireReader wire(part); !wire.done();) {
      *files[next++].hash = wire.value<std::uint64_t>();
    }
  }
}

using Content = std::pair<std::uint64_t, std::uint64_t>;  // size and hash

// The images that split `b` has and split `a` has too.
SharedImages shared_by(const SplitPreflight& a, const SplitPreflight& b) {
  SharedImages shared{.split = b.split, .also_in = a.split, .images = 0, .first = {}};
  std::map<Content, const std::string*> of_a;
  for (std::size_t i = 0; i < a.samples.size(); ++i) {
    if (a.content_hashes[i] != 0) {
      of_a.emplace(Content(a.samples[i].source.image.bytes, a.content_hashes[i]), &a.samples[i].source.image.key);
    }
  }
  for (std::size_t i = 0; i < b.samples.size(); ++i) {
    const io::SourceFile& image = b.samples[i].source.image;
    const auto found = b.content_hashes[i] == 0 ? of_a.end() : of_a.find({image.bytes, b.content_hashes[i]});
    if (found != of_a.end() && ++shared.images <= kMostNamed) {
      shared.first.emplace_back(image.key, *found->second);
    }
  }
  return shared;
}

}  // namespace

std::string SharedImages::text() const {
  return fmt::format("{} image{} of {} {} also in {}, such as {}", images, images == 1 ? "" : "s", split, images == 1 ? "is" : "are",
                     also_in, first.front().first);
}

std::vector<std::vector<std::string>> find_duplicates(const std::vector<PlannedSample>& samples, std::vector<std::uint64_t>& hashes,
                                                      const PackOptions& options, Ranks& ranks) {
  std::unordered_map<std::uint64_t, std::size_t> of_size;
  for (const PlannedSample& sample : samples) {
    ++of_size[sample.source.image.bytes];
  }
  std::vector<Unread> unread;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    if (const io::SourceFile& image = samples[i].source.image; hashes[i] == 0 && of_size[image.bytes] > 1) {
      unread.push_back({.file = &image, .hash = &hashes[i]});
    }
  }
  read_hashes(unread, options, ranks);
  std::vector<std::pair<Content, std::size_t>> all;  // samples ascend by key
  for (std::size_t i = 0; i < samples.size(); ++i) {
    if (hashes[i] != 0) {
      all.emplace_back(Content(samples[i].source.image.bytes, hashes[i]), i);
    }
  }
  std::ranges::sort(all);
  std::vector<std::vector<std::string>> duplicates;
  for (std::size_t i = 1; i < all.size(); ++i) {
    if (all[i].first != all[i - 1].first) {
      continue;
    }
    if (i == 1 || all[i - 2].first != all[i].first) {
      duplicates.push_back({samples[all[i - 1].second].source.image.key});
    }
    duplicates.back().push_back(samples[all[i].second].source.image.key);
  }
  std::ranges::sort(duplicates);
  return duplicates;
}

std::vector<SharedImages> find_shared(std::vector<SplitPreflight>& splits, const PackOptions& options, Ranks& ranks) {
  std::unordered_map<std::uint64_t, std::set<const SplitPreflight*>> of_size;
  for (const SplitPreflight& split : splits) {
    for (const PlannedSample& sample : split.samples) {
      of_size[sample.source.image.bytes].insert(&split);
    }
  }
  std::vector<Unread> unread;
  for (SplitPreflight& split : splits) {
    for (std::size_t i = 0; i < split.samples.size(); ++i) {
      if (const io::SourceFile& image = split.samples[i].source.image; split.content_hashes[i] == 0 && of_size[image.bytes].size() > 1) {
        unread.push_back({.file = &image, .hash = &split.content_hashes[i]});
      }
    }
  }
  read_hashes(unread, options, ranks);
  std::vector<SharedImages> all;
  for (std::size_t b = 1; b < splits.size(); ++b) {
    for (std::size_t a = 0; a < b; ++a) {
      if (SharedImages shared = shared_by(splits[a], splits[b]); shared.images > 0) {
        all.push_back(std::move(shared));
      }
    }
  }
  return all;
}

}  // namespace muster::pack
