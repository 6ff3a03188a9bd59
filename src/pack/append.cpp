#include "pack/append.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "core/error.hpp"
#include "core/hash.hpp"
#include "data/shard_file.hpp"
#include "data/shard_format.hpp"
#include "pack/encode_sample.hpp"
#include "pack/plan.hpp"
#include "pack/skipped_file.hpp"

namespace muster::pack {
namespace {

// The listing digest of each part, with the number of the shard behind it.
struct Part {
  std::uint32_t end_shard = 0;
  std::string listing_digest;
};

std::vector<Part> parts_of(const data::ManifestSplit& split) {
  std::vector<Part> parts{{.end_shard = 0, .listing_digest = split.listing_digest}};
  for (const data::ManifestPart& part : split.appended) {
    parts.back().end_shard = part.first_shard;
    parts.push_back({.end_shard = 0, .listing_digest = part.listing_digest});
  }
  parts.back().end_shard = static_cast<std::uint32_t>(split.shards.size());
  return parts;
}

class Comparison {
 public:
  Comparison(const SplitPreflight& sources, const data::ManifestSplit& split, const data::IndexFile& index)
      : sources_(sources), index_(index), parts_(parts_of(split)), packed_in_(sources.samples.size(), kNew) {}

  SourceChanges run() {
    for (std::size_t row = 0; row < index_.columns.size(); ++row) {
      compare_row(row);
    }
    changes_.is_new.resize(packed_in_.size());
    std::ranges::transform(packed_in_, changes_.is_new.begin(), [](std::size_t part) { return part == kNew; });
    changes_.added = static_cast<std::size_t>(std::ranges::count(packed_in_, kNew));
    changes_.other_changes = changes_.removed == 0 && changes_.changed == 0 && !listings_agree();
    return std::move(changes_);
  }

 private:
  static constexpr std::size_t kNew = static_cast<std::size_t>(-1);

  void compare_row(std::size_t row) {
    const data::IndexColumns& c = index_.columns;
    const auto key_of = [](const PlannedSample& sample) -> const std::string& { return sample.source.image.key; };
    const auto found = std::ranges::lower_bound(sources_.samples, c.key[row], {}, key_of);
    if (found == sources_.samples.end() || key_of(*found) != c.key[row]) {
      changes_.first_removed = changes_.removed++ == 0 ? c.key[row] : changes_.first_removed;
      return;
    }
    const bool as_it_was = (c.flags[row] & data::kFlagTranscoded) == 0;
    if (as_it_was && found->source.image.bytes != c.image_size[row]) {
      changes_.first_changed = changes_.changed++ == 0 ? c.key[row] : changes_.first_changed;
    }
    const auto part = std::ranges::find_if(parts_, [&](const Part& p) { return index_.shard[row] < p.end_shard; });
    packed_in_[static_cast<std::size_t>(found - sources_.samples.begin())] = static_cast<std::size_t>(part - parts_.begin());
  }

  // Whether each part's samples have the keys and sizes that it was packed from.
  bool listings_agree() const {
    for (std::size_t part = 0; part < parts_.size(); ++part) {
      std::vector<const SourceSample*> samples;
      for (std::size_t i = 0; i < packed_in_.size(); ++i) {
        if (packed_in_[i] == part) {
          samples.push_back(&sources_.samples[i].source);
        }
      }
      if (listing_digest(samples) != parts_[part].listing_digest) {
        return false;
      }
    }
    return true;
  }

  const SplitPreflight& sources_;
  const data::IndexFile& index_;
  const std::vector<Part> parts_;
  std::vector<std::size_t> packed_in_;  // part of each sample, or kNew
  SourceChanges changes_;
};

}  // namespace

std::string SourceChanges::text() const {
  std::vector<std::string> parts;
  const auto say = [&](std::size_t count, std::string_view what, const std::string& first) {
    if (count > 0) {
      parts.push_back(fmt::format("{} {}{}", count, what, first.empty() ? "" : fmt::format(" ({})", first)));
    }
  };
  say(added, "new images", "");
  say(removed, "packed images gone", first_removed);
  say(changed, "packed images changed", first_changed);
  if (other_changes) {
    parts.emplace_back("masks, labels or re-encoded images changed");
  }
  return parts.empty() ? "nothing new" : fmt::format("{}", fmt::join(parts, ", "));
}

SourceChanges source_changes(const SplitPreflight& sources, const data::ManifestSplit& split, const std::filesystem::path& folder) {
  const data::IndexFile index = data::read_index_file(folder / split.index.file);
  return Comparison(sources, split, index).run();
}

void leave_out_damaged(SourceChanges& changes, const SplitPreflight& sources, const PackOptions& options) {
  for (const SkippedFile& file : read_skipped_file(options.out, sources.split)) {
    const auto key_of = [](const PlannedSample& sample) -> const std::string& { return sample.source.image.key; };
    const auto sample = std::ranges::lower_bound(sources.samples, file.key, {}, key_of);
    if (sample == sources.samples.end() || key_of(*sample) != file.key) {
      continue;
    }
    std::uint8_t& is_new = changes.is_new[static_cast<std::size_t>(sample - sources.samples.begin())];
    if (is_new == 0) {
      continue;
    }
    try {
      (void)encode_sample(*sample, *sources.source, options);
    } catch (const DataError&) {
      is_new = 0;
      --changes.added;
    }
  }
}

std::string dataset_fingerprint(const data::Manifest& manifest) {
  Xxh3Stream hash;
  for (const auto& [name, split] : manifest.splits) {
    hash.update(name);
    hash.update(std::string_view("\0", 1));
    hash.update(split.fingerprint);
    hash.update(std::string_view("\0", 1));
  }
  return hash.hex();
}

void keep_new(SplitPreflight& sources, const std::vector<std::uint8_t>& is_new) {
  std::vector<PlannedSample> kept;
  sources.source_bytes = 0;
  for (std::size_t i = 0; i < sources.samples.size(); ++i) {
    if (is_new[i] != 0) {
      const SourceSample& source = sources.samples[i].source;
      sources.source_bytes += source.image.bytes + (source.mask ? source.mask->bytes : 0);
      kept.push_back(std::move(sources.samples[i]));
    }
  }
  sources.samples = std::move(kept);
}

}  // namespace muster::pack
