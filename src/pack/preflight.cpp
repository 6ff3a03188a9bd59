#include "pack/preflight.hpp"

#include <algorithm>
#include <optional>

#include "core/error.hpp"
#include "core/stop_flags.hpp"
#include "data/ordered_jobs.hpp"
#include "pack/duplicates.hpp"
#include "pack/file_chunks.hpp"
#include "pack/pack_progress.hpp"
#include "pack/shared_scan.hpp"
#include "pack/source_bytes.hpp"

namespace muster::pack {
namespace {

constexpr std::size_t kShownProblems = 10;

// This rank's part of the samples, looked at by several threads, as bytes for the others.
std::string inspect_part(const std::vector<SourceSample>& samples, const SplitPreflight& split, const PackOptions& options, Ranks& ranks) {
  struct Chunk {
    std::size_t first = 0;
    std::vector<Inspected> items;
  };
  using Jobs = data::OrderedJobs<Chunk>;
  const bool targets = options.preflight == "full";
  const int workers = data::worker_threads(options.threads);
  auto [next, end] = ranks.part(samples.size());
  PackProgress progress("looking at " + split.split, {samples.size(), 0}, ranks.count(), progress_on_terminal(ranks.is_first()));
  Jobs jobs(
      workers, 4 * static_cast<std::size_t>(workers),
      [&, last = end]() -> std::optional<Jobs::Opened> {
        if (next == last) {
          return std::nullopt;
        }
        const std::size_t first = next;
        next = chunk_end(first, last, [&](std::size_t i) { return samples[i].image.bytes; });
        return Jobs::Opened{.group = {.first = first, .items = std::vector<Inspected>(next - first)}, .jobs = next - first};
      },
      [&](Chunk& chunk, std::size_t job) {
        chunk.items[job] = inspect_sample(samples[chunk.first + job], *split.source, split.orientation, targets);
      });
  WireWriter wire;
  while (const std::optional<Chunk> chunk = jobs.pop()) {
    if (const int signal = requested_stop(); signal != 0) {
      throw PackStopped("stopped by signal {} before anything was packed; the same command begins again", signal);
    }
    for (const Inspected& item : chunk->items) {
      put(wire, item);
    }
    progress.add(chunk->items.size(), 0);
  }
  return wire.take();
}

class PreflightBuilder {
 public:
  PreflightBuilder(SplitPreflight& result, const PackOptions& options, Problems& problems)
      : result_(result), options_(options), problems_(problems) {
    result_.class_pixels.resize(result_.source->classes().size());
    result_.class_images.resize(result_.source->classes().size());
  }

  void report(const io::SourceFile& image, const std::string& text, bool can_skip, ProblemKind kind) {
    count(image, text, kind);
    if (result_.first_problems.size() < kShownProblems) {
      result_.first_problems.push_back(text);
    }
    if (can_skip && skips_damaged(options_)) {
      result_.skipped.push_back({image.key, without_root(text, result_.sources, &image)});
    } else {
      problems_.add(text);
    }
  }

  void take(SourceSample&& sample, const Inspected& item) {
    if (!item.problem.empty()) {
      report(sample.image, item.problem, item.can_skip, item.kind);
      return;
    }
    if (!item.undeclared_text.empty()) {
      take_undeclared(sample.image, item);
    }
    for (const data::ClassPixels& entry : item.histogram) {
      result_.class_pixels[entry.class_index] += entry.pixels;
      result_.class_images[entry.class_index] += 1;
    }
    for (const std::int32_t label : sample.labels) {
      result_.class_images[static_cast<std::size_t>(label)] += 1;
    }
    result_.source_bytes += sample.image.bytes + (sample.mask ? sample.mask->bytes : 0);
    result_.samples.push_back(
        {.source = std::move(sample), .info = item.info, .orientation = item.orientation, .height = item.height, .width = item.width});
    result_.content_hashes.push_back(item.content_hash);
  }

 private:
  void count(const io::SourceFile& image, const std::string& text, ProblemKind kind) {
    ++result_.problems[kind];
    if (result_.named_problems.size() < kMostNamed) {
      result_.named_problems.push_back({.kind = kind, .key = image.key, .text = text});
    }
  }

  void take_undeclared(const io::SourceFile& image, const Inspected& item) {
    ++result_.files_undeclared;
    count(image, item.undeclared_text, ProblemKind::kUndeclared);
    if (result_.first_undeclared.empty()) {
      result_.first_undeclared = item.undeclared_text;
    }
    for (const UndeclaredValue& value : item.undeclared) {
      result_.undeclared[value.value].pixels += value.pixels;
      result_.undeclared[value.value].files += 1;
    }
  }

  SplitPreflight& result_;
  const PackOptions& options_;
  Problems& problems_;
};

}  // namespace

SplitPreflight inspect_split(const std::string& split, const SplitSources& sources, std::shared_ptr<SplitSource> source,
                             const PackOptions& options, Ranks& ranks, Problems& problems) {
  Listing listing;
  ranks.together([&] { listing = source->list(shared_scan(ranks, options.threads)); });
  SplitPreflight result;
  result.split = split;
  result.sources = sources;
  result.orientation = source->orientation(options.orientation);
  result.source = std::move(source);
  result.images = listing.images;
  result.other_files = listing.other_files;
  result.targets_without_image = listing.targets_without_image;
  result.images_without_target = listing.images_without_target;
  result.lonely_targets = std::move(listing.lonely_targets);
  result.lonely_images = std::move(listing.lonely_images);
  result.targets_known = options.preflight == "full";
  PreflightBuilder builder(result, options, problems);
  if (listing.images == 0) {
    problems.add(fmt::format("{}: no images among {} files; wanted are the extensions {}",
                             sources.images.empty() ? sources.csv : sources.images, listing.other_files,
                             fmt::join(image_extensions(options), " ")));
  }
  for (const SourceProblem& problem : listing.problems) {
    builder.report(problem.image, problem.text, problem.can_skip, problem.kind);
  }
  const std::vector<std::string> parts = ranks.gather([&] { return inspect_part(listing.samples, result, options, ranks); });
  std::size_t i = 0;
  for (const std::string& part : parts) {
    for (WireReader wire(part); !wire.done(); ++i) {
      builder.take(std::move(listing.samples[i]), inspected_from(wire));
    }
  }
  check(i == listing.samples.size(), "{} of {} samples were looked at", i, listing.samples.size());
  if (result.targets_known) {
    result.duplicates = find_duplicates(result.samples, result.content_hashes, options, ranks);
  }
  return result;
}

void throw_if_undeclared(const std::vector<SplitPreflight>& splits) {
  std::string text;
  std::size_t files = 0;
  for (const SplitPreflight& split : splits) {
    text = text.empty() ? split.first_undeclared : text;
    files += split.files_undeclared;
  }
  if (files > 1) {
    text += fmt::format("\n  and {} more; `muster pack ... --dry-run` lists the values of all", files - 1);
  }
  if (files > 0) {
    throw UndeclaredValueError(text);
  }
}

void check_skipped(const SplitPreflight& split, std::size_t skipped, const PackOptions& options) {
  const std::size_t most = most_skipped(options, split.images);
  if (skipped > most) {
    const std::string bound = options.max_skipped ? fmt::format("max_skipped={}", *options.max_skipped) : fmt::format("{}", most);
    throw DataError(
        "split {}: {} of {} images cannot be packed, more than {}; the first: {}: {}; mend these files, or raise max_skipped (1 allows "
        "all)",
        split.split, skipped, split.images, bound, split.skipped.front().key, split.skipped.front().reason);
  }
}

}  // namespace muster::pack
