#include "pack/pairing.hpp"

#include <set>
#include <unordered_map>

#include <fmt/format.h>

#include "core/error.hpp"
#include "io/value.hpp"

namespace muster::pack {
namespace {

using ByStem = std::unordered_map<std::string, std::vector<const io::SourceFile*>>;

ByStem by_stem(const std::vector<io::SourceFile>& files) {
  ByStem stems;
  for (const io::SourceFile& file : files) {
    stems[std::string(io::without_extension(file.key))].push_back(&file);
  }
  return stems;
}

const std::vector<const io::SourceFile*>& at(const ByStem& stems, const std::string& stem) {
  static const std::vector<const io::SourceFile*> kNone;
  const auto found = stems.find(stem);
  return found == stems.end() ? kNone : found->second;
}

std::string names(const std::vector<const io::SourceFile*>& files) {
  std::vector<std::string> keys;
  for (const io::SourceFile* file : files) {
    keys.push_back(file->key);
  }
  return fmt::format("{}", fmt::join(keys, ", "));
}

// Keys are stored as UTF-8; the JSON writer knows what that is.
bool is_utf8(const std::string& text) {
  try {
    (void)io::to_json(text);
    return true;
  } catch (const DataError&) {
    return false;
  }
}

}  // namespace

Pairing pair_files(const std::vector<io::SourceFile>& images, const std::vector<io::SourceFile>& masks, bool keep_extension) {
  const ByStem image_stems = by_stem(images);
  const ByStem mask_stems = by_stem(masks);
  Pairing pairing;
  std::set<const io::SourceFile*> used;
  for (const io::SourceFile& image : images) {
    const auto problem = [&](std::string text, bool can_skip) {
      pairing.problems.push_back({.image = image, .text = std::move(text), .can_skip = can_skip});
    };
    const std::string stem(io::without_extension(image.key));
    const std::vector<const io::SourceFile*>& rivals = at(image_stems, stem);
    const bool shared = rivals.size() > 1;
    std::vector<const io::SourceFile*> candidates = at(mask_stems, image.key);  // a/b.jpg.png
    if (candidates.empty() && !(shared && keep_extension)) {
      candidates = at(mask_stems, stem);
    }
    if (!is_utf8(image.key)) {
      problem(fmt::format("{}: the name is not UTF-8; rename the file", image.path.string()), true);
    } else if (shared && !keep_extension) {
      problem(
          fmt::format("{}: {} differ in their extension alone; rename them, or set on_collision=keep_extension and name their masks {}.png",
                      image.path.string(), names(rivals), image.key),
          false);
    } else if (candidates.empty()) {
      problem(fmt::format("{}: no mask {}.png{}", image.path.string(), shared ? image.key : stem,
                          shared ? "" : fmt::format(" or {}.png", image.key)),
              true);
    } else if (candidates.size() > 1) {
      problem(fmt::format("{}: {} masks ({}); keep one", image.path.string(), candidates.size(), names(candidates)), false);
    } else {
      used.insert(candidates[0]);
      pairing.pairs.push_back({.image = image, .mask = *candidates[0]});
    }
  }
  for (const io::SourceFile& mask : masks) {
    const std::string stem(io::without_extension(mask.key));
    const bool has_image = used.contains(&mask) || image_stems.contains(stem) || image_stems.contains(std::string(io::without_extension(stem)));
    pairing.masks_without_image += has_image ? 0 : 1;
  }
  return pairing;
}

}  // namespace muster::pack
