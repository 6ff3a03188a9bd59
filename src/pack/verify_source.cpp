#include "pack/verify_source.hpp"

#include <algorithm>
#include <functional>
#include <string>
#include <utility>

#include "core/error.hpp"
#include "data/mask_codec.hpp"
#include "data/shard_format.hpp"
#include "image/decode.hpp"
#include "image/orientation.hpp"
#include "pack/shared_scan.hpp"
#include "pack/shrink.hpp"
#include "pack/source_bytes.hpp"
#include "pack/stored_image.hpp"
#include "pack/verify.hpp"

namespace muster::pack {

namespace fs = std::filesystem;

using data::IndexColumns;
using data::TargetKind;

namespace {

const SplitSources* sources_of(const std::vector<std::pair<std::string, SplitSources>>& splits, const std::string& split) {
  const auto found = std::ranges::find(splits, split, &std::pair<std::string, SplitSources>::first);
  return found == splits.end() ? nullptr : &found->second;
}

image::LabelMap decoded(std::span<const std::byte> bytes, image::Codec codec, int dtype, int height, int width, TargetKind target,
                        const char* where) {
  return target == TargetKind::kSegmentMask ? data::decode_segment_mask(bytes, codec, dtype, height, width, data::kMostSegments, where)
                                            : data::decode_mask(bytes, codec, dtype, height, width, where);
}

// The size of the source's target: max_side may have made the stored one smaller.
Extent upright_source(const IndexColumns& c, std::size_t i) {
  const auto height = static_cast<int>(c.source_height[i]), width = static_cast<int>(c.source_width[i]);
  return image::swaps_sides(c.orientation[i]) ? Extent{width, height} : Extent{height, width};
}

std::size_t differing_pixels(const image::LabelMap& a, const image::LabelMap& b) {
  std::size_t different = 0;
  for (std::size_t p = 0; p < a.values.size(); ++p) {
    different += a.values[p] != b.values[p];
  }
  return different;
}

}  // namespace

std::unique_ptr<SplitComparison> SplitComparison::open(const VerifySources& sources, const data::Manifest& manifest,
                                                       const std::string& split, Ranks& ranks, std::vector<std::string>& notices) {
  std::unique_ptr<SplitComparison> comparison(new SplitComparison(manifest));
  if (!sources.recipe) {
    comparison->folders_ = sources.folders;
    notices.push_back(
        fmt::format("split {}: images were compared with their files, targets were not; source=RECIPE.yaml compares both", split));
    return comparison;
  }
  const std::vector<std::pair<std::string, SplitSources>> splits = sources_by_split(*sources.recipe);
  const SplitSources* of_split = sources_of(splits, split);
  if (of_split == nullptr) {
    notices.push_back(fmt::format("split {}: the recipe does not speak of it, so it was not compared with its sources", split));
    return nullptr;
  }
  Listing listing;
  ranks.together([&] {
    comparison->source_ = make_split_source(*sources.recipe, split, *of_split, notices);
    listing = comparison->source_->list(shared_scan(ranks, sources.recipe->threads));
  });
  if (comparison->source_->classes().ids != manifest.classes.ids || comparison->source_->classes().names != manifest.classes.names) {
    throw ConfigError(
        "source: the recipe's classes are not those of the data set (checksums {} and {}); give the recipe it was packed with",
        comparison->source_->classes().names_crc32(), manifest.classes.names_crc32());
  }
  for (SourceSample& sample : listing.samples) {
    std::string key = sample.image.key;
    comparison->samples_.emplace(std::move(key), std::move(sample));
  }
  if (const std::size_t stored = manifest.splits.at(split).num_samples; comparison->samples_.size() > stored) {
    notices.push_back(fmt::format("split {}: the sources have {} samples, the data set {}", split, comparison->samples_.size(), stored));
  }
  return comparison;
}

void SplitComparison::check(const IndexColumns& columns, std::size_t i, std::span<const std::byte> image,
                            std::span<const std::byte> mask) const {
  const std::string& key = columns.key[i];
  if (source_ != nullptr) {
    const auto found = samples_.find(key);
    if (found == samples_.end()) {
      throw DataError("its source is gone, or has no target any more");
    }
    check_image(columns, i, image, found->second.image);
    check_target(columns, i, mask, found->second);
    return;
  }
  std::string problem = "its source is in none of the folders";
  for (const fs::path& folder : folders_) {
    std::error_code error;
    const fs::path path = folder / key;
    const std::uint64_t bytes = fs::file_size(path, error);
    if (error) {
      continue;
    }
    try {
      check_image(columns, i, image, {.key = key, .path = path, .bytes = bytes});
      return;
    } catch (const DataError& different) {  // splits may share keys: another folder may hold the right one
      problem = different.what();
    }
  }
  throw DataError("{}", problem);
}

void SplitComparison::check_image(const IndexColumns& c, std::size_t i, std::span<const std::byte> stored,
                                  const io::SourceFile& file) const {
  const std::vector<std::byte> source = read_source(file);
  if (std::ranges::equal(source, stored)) {
    return;
  }
  const std::string path = file.path.string();
  if ((c.flags[i] & data::kFlagTranscoded) == 0) {
    throw DataError("{} has {} bytes that are not the {} stored ones, which are said to be a copy", path, source.size(), stored.size());
  }
  const image::Image before = image::decode_rgb(source, path);
  if (static_cast<std::uint32_t>(before.height) != c.source_height[i] || static_cast<std::uint32_t>(before.width) != c.source_width[i]) {
    throw DataError("{} is {} x {}, the index says {} x {}", path, before.width, before.height, c.source_width[i], c.source_height[i]);
  }
  if (manifest_.max_side > 0 && static_cast<std::uint32_t>(std::max(before.height, before.width)) > manifest_.max_side) {
    check_smaller(source, stored, path);
    return;
  }
  if (before != image::decode_rgb(stored, "the stored image")) {
    throw DataError("{} was transcoded without loss, but its pixels are not the stored ones", path);
  }
}

// Made smaller and encoded anew: no pixel of it is the source's, so it is made once more.
void SplitComparison::check_smaller(std::span<const std::byte> source, std::span<const std::byte> stored, const std::string& path) const {
  const StoringOptions options{.max_side = manifest_.max_side, .strip_metadata = manifest_.strip_metadata};
  const StoredImage again = store_image({source.begin(), source.end()}, image::probe(source, path), options, path);
  if (image::decode_rgb(again.bytes, path) != image::decode_rgb(stored, "the stored image")) {
    throw DataError("{} scaled down to {} pixels gives other pixels than the stored ones", path, manifest_.max_side);
  }
}

void SplitComparison::check_target(const IndexColumns& c, std::size_t i, std::span<const std::byte> mask,
                                   const SourceSample& sample) const {
  const auto height = static_cast<int>(c.height[i]), width = static_cast<int>(c.width[i]);
  const TargetKind target = manifest_.target();
  const Extent source = upright_source(c, i);
  const EncodedTarget wanted =
      shrink_target(source_->encode(sample, source.height, source.width), source, {height, width}, target == TargetKind::kSegmentMask);
  const std::string path = sample.mask ? sample.mask->path.string() : sample.image.path.string();
  if (wanted.mask.empty() != mask.empty()) {
    throw DataError("{} gives {} mask, the data set has {}", path, wanted.mask.empty() ? "no" : "a", mask.empty() ? "none" : "one");
  }
  if (!mask.empty()) {
    const image::LabelMap stored = decoded(mask, c.mask_codec[i], c.mask_dtype[i], height, width, target, "the stored mask");
    const image::LabelMap from_source = decoded(wanted.mask, wanted.codec, wanted.dtype, height, width, target, path.c_str());
    if (const std::size_t different = differing_pixels(stored, from_source); different > 0) {
      throw DataError("{} differs from the stored mask in {} of {} pixels, after the mapping of classes", path, different,
                      stored.values.size());
    }
  }
  if ((target == TargetKind::kLabel && c.label[i] != wanted.label) ||
      (target == TargetKind::kLabels && data::labels_of(c, i) != wanted.labels)) {
    throw DataError("the labels of {} are not the stored ones", path);
  }
  if (target == TargetKind::kSegmentMask && data::segments_of(c, i) != wanted.segments) {
    throw DataError("the segments of {} are not the stored ones", path);
  }
}

}  // namespace muster::pack
