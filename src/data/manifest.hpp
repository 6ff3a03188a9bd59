// manifest.json: what a packed dataset consists of. Written last; a folder without it is no finished dataset.
//
// It holds no time, host, absolute path or random number, so packing the same input twice gives the same bytes.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "data/class_list.hpp"
#include "data/index_columns.hpp"
#include "data/target_kind.hpp"

namespace muster::data {

inline constexpr const char* kManifestFile = "manifest.json";

struct ManifestShard {
  std::string file;         // "train-00017.h5", beside the manifest
  std::string uuid;         // 32 hex digits
  std::uint64_t bytes = 0;  // of the file
  std::uint32_t num_samples = 0;
  std::uint32_t first_index = 0;  // sample id of its first sample
  std::uint64_t payload_address = 0;
  std::uint64_t payload_bytes = 0;
  std::string xxh3_128;  // of the file, as `xxhsum -H128` prints it
  bool operator==(const ManifestShard&) const = default;
};

struct ManifestIndex {
  std::string file;  // "index-train.h5"
  std::uint64_t bytes = 0;
  std::string xxh3_128;
  bool operator==(const ManifestIndex&) const = default;
};

struct SampleOrdering {
  std::string kind = "sorted";  // sorted by key | shuffled
  std::uint64_t seed = 0;
  bool operator==(const SampleOrdering&) const = default;
};

// Of the stored pixels of one split. Void pixels are in `pixels` but in no class.
struct SplitStatistics {
  std::vector<double> mean, std;                          // per channel, of pixel / 255 (16 bit: / 65535)
  std::vector<std::uint64_t> sum{}, squares{};            // per channel, of the pixels in 8 bits, exact; empty in older sets
  std::uint64_t pixels = 0;                               // of all images, upright
  std::map<std::uint32_t, std::uint64_t> size_histogram;  // images whose longer side is in (key / 2, key], key a power of two
  std::vector<std::uint64_t> class_pixels;                // by dense index; empty for sets without masks
  std::vector<std::uint64_t> class_images;                // by dense index: images in which the class occurs, or which have its label
  std::vector<std::uint64_t> class_segments{};            // by dense index, crowds included; empty unless panoptic
  bool operator==(const SplitStatistics&) const = default;
};

// Shards that `muster pack append=true` added: where they begin, and what they were packed from.
struct ManifestPart {
  std::uint32_t first_shard = 0;
  std::string plan_hash;
  std::uint64_t source_files = 0;
  std::string listing_digest;
  bool operator==(const ManifestPart&) const = default;
};

struct ManifestSplit {
  std::uint32_t num_samples = 0;
  SampleOrdering order;
  std::string plan_hash;
  std::string fingerprint;  // of the split's index columns (index_columns.hpp)
  ManifestIndex index;
  std::vector<ManifestShard> shards;  // in order of first_index
  SplitStatistics statistics;
  // Of the files that were packed: their number and the digest of their sorted listing.
  std::uint64_t source_files = 0;
  std::string listing_digest;
  // Later parts, ascending; plan_hash, source_files and listing_digest above are the first part's.
  std::vector<ManifestPart> appended{};
  bool operator==(const ManifestSplit&) const = default;
};

// An overlay set: targets only, images by key from the base.
struct ManifestBase {
  std::string path;  // relative to this manifest's folder
  std::string fingerprint;
  bool operator==(const ManifestBase&) const = default;
};

struct Manifest {
  std::string task = "semantic_segmentation";
  std::map<std::string, std::string> producer;  // "muster" -> version, "libjpeg-turbo" -> version
  std::string orientation_policy = "auto";
  ClassList classes;
  std::map<std::string, ManifestSplit> splits;
  std::optional<ManifestBase> base;
  std::uint32_t generation = 0;
  std::string parent_fingerprint;  // "" for generation 0
  bool multi_label = false;        // image_classification with several labels per image
  std::uint32_t max_side = 0;      // images were made smaller so that no side is longer; 0 = never
  bool strip_metadata = false;     // EXIF, ICC and comments were taken out of the images
  bool operator==(const Manifest&) const = default;

  TargetKind target() const { return target_kind(task, multi_label); }
  int ignore_index() const { return data::ignore_index(target(), classes.stored_void()); }
};

// Fills class_pixels, class_images and class_segments from the index columns of a split.
void count_classes(const IndexColumns& columns, TargetKind kind, std::size_t num_classes, SplitStatistics& statistics);

// Reads `folder`/manifest.json and checks that it fits together (prefix sums, names, class list checksum).
// DataError with the file's name when it is missing, malformed, or of another major version.
Manifest read_manifest(const std::filesystem::path& folder);
// The same from the text; `where` names it in errors.
Manifest parse_manifest(const std::string& text, const std::string& where);
std::string manifest_json(const Manifest& manifest);
// `text` with its member "checksum", where it has one, set to what the rest of it gives: XXH3-128 of the text with zeros in that place.
std::string seal_manifest(std::string text);
// Atomic: temporary name, fsync, rename, fsync of the folder.
void write_manifest(const std::filesystem::path& folder, const Manifest& manifest);

}  // namespace muster::data
