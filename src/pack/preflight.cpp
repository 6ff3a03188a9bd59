#include "pack/preflight.hpp"

#include <algorithm>
#include <optional>

#include "core/error.hpp"
#include "data/ordered_jobs.hpp"
#include "image/orientation.hpp"
#include "pack/label_notes.hpp"
#include "pack/source_bytes.hpp"

namespace muster::pack {
namespace {

constexpr std::size_t kHeaderBytes = 64 << 10;  // most headers end within; the others are read in full
constexpr std::size_t kLookahead = 64;

struct Inspected {
  PlannedSample sample;
  std::string problem;  // "" = none
  bool can_skip = true;
};

image::ImageInfo probe_file(const io::SourceFile& file) {
  const std::vector<std::byte> start = read_source(file, kHeaderBytes);
  try {
    return image::probe(start, file.path.string());
  } catch (const DataError&) {
    if (start.size() < kHeaderBytes) {
      throw;
    }
    return image::probe(read_source(file), file.path.string());
  }
}

Inspected inspect(const SourcePair& pair, const std::string& policy) {
  Inspected result{.sample = {.source = pair, .info = {}}, .problem = {}};
  try {
    const image::ImageInfo mask = probe_file(pair.mask);
    result.sample.info = probe_file(pair.image);
    const OrientationChoice choice = choose_orientation(result.sample.info, mask, policy);
    if (!choice.problem.empty()) {
      result.problem = fmt::format("{}: {} (mask {})", pair.image.path.string(), choice.problem, pair.mask.path.string());
      result.can_skip = !choice.ambiguous;
    }
    result.sample.orientation = choice.orientation;
    result.sample.height = mask.height;
    result.sample.width = mask.width;
  } catch (const DataError& error) {
    result.problem = error.what();
  }
  return result;
}

}  // namespace

OrientationChoice choose_orientation(const image::ImageInfo& image, const image::ImageInfo& mask, const std::string& policy) {
  const int exif = image.exif_orientation;
  const bool swaps = image::swaps_sides(exif);
  const bool fits_raw = mask.height == image.height && mask.width == image.width;
  const bool fits_upright = swaps ? mask.height == image.width && mask.width == image.height : fits_raw;
  const bool fits = policy == "apply" ? fits_upright : policy == "ignore" ? fits_raw : fits_raw || fits_upright;
  if (!fits) {
    std::string text =
        fmt::format("the image is {} x {} (width x height), its mask {} x {}", image.width, image.height, mask.width, mask.height);
    if (exif != 1) {
      text += fmt::format("; EXIF orientation {} under orientation={}", exif, policy);
    }
    return {.orientation = 1, .problem = text + "; make them equal"};
  }
  if (policy == "auto" && exif != 1 && fits_raw && fits_upright) {
    return {
        .orientation = 1,
        .problem = fmt::format("EXIF orientation {}, and the mask's size does not tell whether the mask follows it; set orientation=apply "
                               "(masks are upright) or orientation=ignore (masks lie as the image is stored)",
                               exif),
        .ambiguous = true};
  }
  const bool keep = policy == "apply" || (policy == "auto" && !fits_raw);
  return {.orientation = static_cast<std::uint8_t>(keep ? exif : 1), .problem = {}};
}

SplitPreflight inspect_split(const std::string& split, const SplitSources& sources, const PackOptions& options, Problems& problems) {
  const io::Scan images = io::scan_folder(sources.images, io::kImageExtensions);
  const io::Scan masks = io::scan_folder(sources.masks, io::kMaskExtensions);
  const Pairing pairing = pair_files(images.files, masks.files, options.on_collision == "keep_extension");
  SplitPreflight result{.split = split,
                        .sources = sources,
                        .orientation = orientation_of_masks(sources.masks, options.orientation),
                        .samples = {},
                        .skipped = {},
                        .images = images.files.size(),
                        .other_files = images.other_files,
                        .masks_without_image = pairing.masks_without_image};
  if (images.files.empty()) {
    problems.add(fmt::format("{}: no images among {} files; wanted are the extensions {}", sources.images, images.other_files,
                             fmt::join(io::kImageExtensions, " ")));
  }
  const auto report = [&](const io::SourceFile& image, const std::string& text, bool can_skip) {
    if (can_skip && options.on_error == "skip") {
      result.skipped.push_back({image.key, without_root(text, sources)});
    } else {
      problems.add(text);
    }
  };
  for (const Pairing::Problem& problem : pairing.problems) {
    report(problem.image, problem.text, problem.can_skip);
  }
  std::size_t next = 0;
  data::OrderedJobs<Inspected> jobs(
      data::worker_threads(options.threads), kLookahead,
      [&]() -> std::optional<data::OrderedJobs<Inspected>::Opened> {
        if (next == pairing.pairs.size()) {
          return std::nullopt;
        }
        return data::OrderedJobs<Inspected>::Opened{.group = {.sample = {.source = pairing.pairs[next++], .info = {}}, .problem = {}}};
      },
      [&](Inspected& item, std::size_t) { item = inspect(item.sample.source, result.orientation); });
  while (std::optional<Inspected> item = jobs.pop()) {
    if (item->problem.empty()) {
      result.samples.push_back(std::move(item->sample));
    } else {
      report(item->sample.source.image, item->problem, item->can_skip);
    }
  }
  return result;
}

void check_skipped(const SplitPreflight& split, std::size_t skipped, const PackOptions& options) {
  if (static_cast<double>(skipped) > options.max_skipped * static_cast<double>(split.images)) {
    throw DataError("split {}: {} of {} images cannot be packed, more than max_skipped={}; the first: {}: {}", split.split, skipped,
                    split.images, options.max_skipped, split.skipped.front().key, split.skipped.front().reason);
  }
}

}  // namespace muster::pack
