#include "pack/pairing.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include <fmt/format.h>

#include "core/error.hpp"
#include "io/utf8.hpp"
#include "pack/source_paths.hpp"

namespace muster::pack {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kJpegExtensions[] = {"jpg", "jpeg"};

using ByStem = std::unordered_map<std::string, std::vector<const io::SourceFile*>>;

// `lossless`: files that can hold labels, or the JPEGs among them.
ByStem by_stem(const std::vector<io::SourceFile>& files, std::optional<bool> lossless = std::nullopt) {
  ByStem stems;
  for (const io::SourceFile& file : files) {
    if (!lossless || *lossless != io::has_extension(file.key, kJpegExtensions)) {
      stems[std::string(io::without_extension(file.key))].push_back(&file);
    }
  }
  return stems;
}

const std::vector<const io::SourceFile*>& at(const ByStem& stems, const std::string& stem) {
  static const std::vector<const io::SourceFile*> kNone;
  const auto found = stems.find(stem);
  return found == stems.end() ? kNone : found->second;
}

std::string key_list(const std::vector<const io::SourceFile*>& files) {
  std::vector<std::string> keys;
  for (const io::SourceFile* file : files) {
    keys.push_back(file->key);
  }
  return fmt::format("{}", fmt::join(keys, ", "));
}

std::string no_mask(const io::SourceFile& image, const std::string& stem, bool shared, const ByStem& jpegs) {
  std::vector<const io::SourceFile*> jpeg = at(jpegs, image.key);
  if (jpeg.empty() && !shared) {
    jpeg = at(jpegs, stem);
  }
  if (!jpeg.empty()) {
    return fmt::format("{}: its mask {} is a JPEG file, whose values change in compression, so it cannot hold labels; save masks as PNG",
                       image.path.string(), jpeg.front()->path.string());
  }
  return fmt::format("{}: no mask {}.png{}", image.path.string(), shared ? image.key : stem,
                     shared ? "" : fmt::format(" or {}.png", image.key));
}

}  // namespace

std::optional<SourceProblem> name_problem(const io::SourceFile& file) {
  if (io::is_utf8(file.key)) {
    return std::nullopt;
  }
  return SourceProblem{.image = file,
                       .text = fmt::format("{}: the name is not UTF-8; rename the file", file.path.string()),
                       .can_skip = true,
                       .kind = ProblemKind::kName};
}

fs::path masks_below(const std::string& images_folder, const std::string& masks_folder) {
  std::error_code not_there;  // who searches it says so
  return fs::equivalent(images_folder, masks_folder, not_there) ? fs::path() : fs::path(masks_folder);
}

Listing pair_files(const std::vector<io::SourceFile>& images, const std::vector<io::SourceFile>& masks, bool keep_extension) {
  const ByStem image_stems = by_stem(images);
  const ByStem mask_stems = by_stem(masks, true);
  const ByStem jpegs = by_stem(masks, false);
  Listing listing;
  listing.images = images.size();
  std::set<const io::SourceFile*> used;
  for (const io::SourceFile& image : images) {
    const auto problem = [&](std::string text, bool can_skip, ProblemKind kind) {
      listing.problems.push_back({.image = image, .text = std::move(text), .can_skip = can_skip, .kind = kind});
    };
    const std::string stem(io::without_extension(image.key));
    const std::vector<const io::SourceFile*>& rivals = at(image_stems, stem);
    const bool shared = rivals.size() > 1;
    std::vector<const io::SourceFile*> candidates = at(mask_stems, image.key);  // a/b.jpg.png
    if (candidates.empty() && !(shared && keep_extension)) {
      candidates = at(mask_stems, stem);
    }
    if (std::optional<SourceProblem> name = name_problem(image)) {
      listing.problems.push_back(std::move(*name));
    } else if (shared && !keep_extension) {
      problem(
          fmt::format("{}: {} differ in their extension alone; rename them, or set on_collision=keep_extension and name their masks {}.png",
                      image.path.string(), key_list(rivals), image.key),
          false, ProblemKind::kName);
    } else if (candidates.empty()) {
      problem(no_mask(image, stem, shared, jpegs), true, ProblemKind::kNoTarget);
    } else if (candidates.size() > 1) {
      problem(fmt::format("{}: {} masks ({}); keep one", image.path.string(), candidates.size(), key_list(candidates)), false,
              ProblemKind::kName);
    } else {
      used.insert(candidates[0]);
      listing.samples.push_back({.image = image, .mask = *candidates[0], .labels = {}});
    }
  }
  for (const io::SourceFile& mask : masks) {
    const std::string stem(io::without_extension(mask.key));
    const bool has_image =
        used.contains(&mask) || image_stems.contains(stem) || image_stems.contains(std::string(io::without_extension(stem)));
    if (!has_image && ++listing.targets_without_image <= kMostNamed) {
      listing.lonely_targets.push_back(mask.key);
    }
  }
  return listing;
}

Listing pair_by_pattern(const std::vector<io::SourceFile>& images, const std::string& images_folder, const MaskPattern& pattern,
                        const LookUp& look_up) {
  const std::string root = full_path(pattern.folder().empty() ? fs::path(images_folder) : pattern.folder()).native();
  FullPaths full;
  std::vector<io::SourceFile> masks;
  for (const io::SourceFile& image : images) {
    const fs::path path = pattern.of(image.path);
    masks.push_back({.key = path_from(full.of(path), root), .path = path, .bytes = 0, .mtime_ns = io::kNotLookedUp});
  }
  look_up(masks);

  std::map<std::string, std::vector<const io::SourceFile*>> owners;  // by mask
  std::unordered_set<std::string> mask_paths;
  const auto is_own_mask = [&](std::size_t i) { return full.of(masks[i].path) == full.of(images[i].path); };
  for (std::size_t i = 0; i < images.size(); ++i) {
    if (masks[i].mtime_ns != io::kNotLookedUp && !is_own_mask(i)) {
      owners[masks[i].key].push_back(&images[i]);
      mask_paths.insert(full.of(masks[i].path));
    }
  }
  Listing listing;
  for (std::size_t i = 0; i < images.size(); ++i) {
    const io::SourceFile& image = images[i];
    if (mask_paths.contains(full.of(image.path))) {
      continue;  // the mask of another image
    }
    if (is_own_mask(i)) {
      if (++listing.targets_without_image <= kMostNamed) {
        listing.lonely_targets.push_back(image.key);
      }
      continue;
    }
    ++listing.images;
    const auto problem = [&](std::string text, bool can_skip, ProblemKind kind) {
      listing.problems.push_back({.image = image, .text = std::move(text), .can_skip = can_skip, .kind = kind});
    };
    if (std::optional<SourceProblem> name = name_problem(image)) {
      listing.problems.push_back(std::move(*name));
    } else if (masks[i].mtime_ns == io::kNotLookedUp) {
      problem(fmt::format("{}: no mask {}", image.path.string(), masks[i].path.string()), true, ProblemKind::kNoTarget);
    } else if (const auto& rivals = owners[masks[i].key]; rivals.size() > 1 && pattern.has_name()) {
      problem(fmt::format("{}: {} share the mask {}; put what tells them apart into masks={}, such as {{image_path.name}} or "
                          "{{image_path.parent.name}}",
                          image.path.string(), key_list(rivals), masks[i].path.string(), pattern.text()),
              false, ProblemKind::kName);
    } else {
      listing.samples.push_back({.image = image, .mask = masks[i], .labels = {}});
    }
  }
  return listing;
}

}  // namespace muster::pack
