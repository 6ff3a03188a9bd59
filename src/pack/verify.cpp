#include "pack/verify.hpp"

#include <algorithm>
#include <map>
#include <memory>
#include <iterator>
#include <set>
#include <utility>

#include "core/atomic_file.hpp"
#include "core/error.hpp"
#include "data/manifest.hpp"
#include "data/ordered_jobs.hpp"
#include "data/shard_format.hpp"
#include "io/value.hpp"
#include "pack/ranks.hpp"
#include "pack/verify_findings.hpp"
#include "pack/verify_source.hpp"
#include "pack/verify_split.hpp"

namespace muster::pack {

namespace fs = std::filesystem;

namespace {

// A split's items stand behind those of the splits before it.
struct NumberedItem {
  std::size_t number = 0;
  SplitUnderTest* split = nullptr;
  const std::string* name = nullptr;
  VerifyItem item;
};

// Items number % world == rank, by `threads` threads.
RankFindings run_items(const std::vector<NumberedItem>& items, int rank, int world, int threads) {
  struct Done {
    const NumberedItem* item = nullptr;
    VerifyFindings found;
    PixelSums sums;
  };
  using Jobs = data::OrderedJobs<Done>;
  const int workers = data::worker_threads(threads);
  auto next = static_cast<std::size_t>(rank);
  Jobs jobs(
      workers, 4 * static_cast<std::size_t>(workers),
      [&]() -> std::optional<Jobs::Opened> {
        if (next >= items.size()) {
          return std::nullopt;
        }
        const NumberedItem& item = items[next];
        next += static_cast<std::size_t>(world);
        return Jobs::Opened{.group = {.item = &item, .found = {}, .sums = {}}};
      },
      [](Done& done, std::size_t) { done.found = done.item->split->run(done.item->item, done.sums); });
  RankFindings findings;
  while (std::optional<Done> done = jobs.pop()) {
    findings.sums[*done->item->name] += done->sums;
    if (!done->found.empty()) {
      done->found.item = done->item->number;
      findings.items.push_back(std::move(done->found));
    }
  }
  return findings;
}

// What a manifest's text has beyond what was read from it; "" when nothing. A newer minor version may have members of its own.
std::string foreign_text(const data::Manifest& manifest, const std::string& text) {
  const std::string ours = data::manifest_json(manifest);
  const io::Value value = io::parse_json(text, data::kManifestFile);
  if (text == ours || value.at("format_version").as_list().at(1).as_uint() > data::kFormatVersion[1]) {
    return {};
  }
  if (value.find("checksum") == nullptr) {  // as it was written before manifests had one
    io::Value without = io::parse_json(ours, data::kManifestFile);
    without.erase("checksum");
    if (text == io::to_json(without) + "\n") {
      return {};
    }
  }
  return "it holds bytes that Muster did not write: it was changed by hand, or is damaged; copy it again, or pack again";
}

// Read by one rank for all. Every byte of it is as Muster writes it, or a problem says what is wrong.
std::optional<data::Manifest> checked_manifest(const fs::path& folder, Ranks& ranks, VerifyReport& report) {
  const auto add = [&report](std::string reason) {
    report.problems.push_back({.file = data::kManifestFile, .sample = std::nullopt, .key = {}, .reason = std::move(reason)});
  };
  try {
    const std::string text = ranks.from_first([&folder] {
      (void)data::read_manifest(folder);
      return read_file(folder / data::kManifestFile);
    });
    data::Manifest manifest = data::parse_manifest(text, (folder / data::kManifestFile).string());
    if (std::string why = foreign_text(manifest, text); !why.empty()) {
      add(std::move(why));
    }
    return manifest;
  } catch (const DataError& error) {
    add(error.what());
    return std::nullopt;
  }
}

// Problems of all ranks in order of their items. A wrong file hash is told only where no sample of the file says more.
std::vector<VerifyProblem> in_order(std::vector<VerifyFindings> findings) {
  std::ranges::sort(findings, {}, &VerifyFindings::item);
  std::set<std::string> named;
  for (const VerifyFindings& found : findings) {
    for (const VerifyProblem& problem : found.problems) {
      named.insert(problem.file);
    }
  }
  std::vector<VerifyProblem> problems;
  for (VerifyFindings& found : findings) {
    std::ranges::move(found.problems, std::back_inserter(problems));
    std::ranges::copy_if(found.hash_problems, std::back_inserter(problems),
                         [&](const VerifyProblem& problem) { return !named.contains(problem.file); });
  }
  return problems;
}

}  // namespace

VerifyLevel verify_level_from_name(std::string_view name) {
  if (name == "quick") {
    return VerifyLevel::kQuick;
  }
  if (name == "crc") {
    return VerifyLevel::kCrc;
  }
  if (name == "decode") {
    return VerifyLevel::kDecode;
  }
  throw ConfigError("level={}: wanted quick, crc or decode", name);
}

std::string VerifyProblem::text() const {
  return sample ? fmt::format("{}: sample {} ({}): {}", file, *sample, key, reason) : fmt::format("{}: {}", file, reason);
}

VerifyReport verify(const fs::path& folder, const VerifyOptions& options, dist::Communicator& world) {
  if (options.level == VerifyLevel::kQuick && options.sources.any()) {
    throw ConfigError("level=quick reads no samples, so source= has nothing to compare; use level=crc or level=decode");
  }
  Ranks ranks(world);
  VerifyReport report;
  const std::optional<data::Manifest> manifest = checked_manifest(folder, ranks, report);
  if (!manifest) {
    return report;
  }
  report.task = manifest->task;
  std::vector<std::unique_ptr<SplitComparison>> sources;
  std::map<std::string, std::unique_ptr<SplitUnderTest>> splits;
  std::vector<NumberedItem> items;
  for (const auto& [name, split] : manifest->splits) {
    ++report.splits;
    report.shards += split.shards.size();
    report.samples += split.num_samples;
    sources.push_back(options.sources.any() ? SplitComparison::open(options.sources, *manifest, name, ranks, report.notices) : nullptr);
    auto& under_test = splits[name] = std::make_unique<SplitUnderTest>(folder, *manifest, name, options.level, sources.back().get());
    for (const VerifyItem& item : under_test->items()) {
      items.push_back({.number = items.size(), .split = under_test.get(), .name = &name, .item = item});
    }
  }
  std::vector<VerifyFindings> findings;
  std::map<std::string, PixelSums> sums;
  for (const std::string& bytes :
       ranks.gather([&] { return findings_bytes(run_items(items, ranks.rank(), ranks.count(), options.threads)); })) {
    RankFindings of_rank = findings_of(bytes);
    std::ranges::move(of_rank.items, std::back_inserter(findings));
    for (const auto& [split, of_split] : of_rank.sums) {
      sums[split] += of_split;
    }
  }
  const bool all_decoded = options.level == VerifyLevel::kDecode && findings.empty();
  std::ranges::move(in_order(std::move(findings)), std::back_inserter(report.problems));
  if (all_decoded) {
    for (const auto& [name, split] : splits) {
      std::ranges::move(split->check_pixel_statistics(sums[name]), std::back_inserter(report.problems));
    }
  }
  return report;
}

VerifyReport verify(const fs::path& folder, VerifyLevel level, int threads) {
  const std::unique_ptr<dist::Communicator> solo = dist::make_solo_communicator();
  return verify(folder, {.level = level, .threads = threads, .sources = {}}, *solo);
}

}  // namespace muster::pack
