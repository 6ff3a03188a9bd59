#include "data/manifest.hpp"

#include <string_view>

#include "core/atomic_file.hpp"
#include "core/hash.hpp"
#include "data/shard_format.hpp"
#include "io/value.hpp"

namespace muster::data {

using io::Value;

namespace {

constexpr std::string_view kChecksumKey = "checksum";
constexpr std::string_view kNoChecksum = "00000000000000000000000000000000";  // in its place while the text is hashed

template <class T>
Value list_of(const std::vector<T>& values) {
  Value list = Value::list();
  for (const T& value : values) {
    list.push_back(value);
  }
  return list;
}

Value value_of(const ClassList& classes) {
  Value list = Value::list();
  for (std::size_t i = 0; i < classes.size(); ++i) {
    const auto& [red, green, blue] = classes.colors[i];
    list.push_back(Value::map({{"id", classes.ids[i]},
                               {"name", classes.names[i]},
                               {"color", Value(Value::List{int{red}, int{green}, int{blue}})},
                               {"isthing", int{classes.isthing[i]}}}));
  }
  return Value::map(
      {{"count", static_cast<std::uint64_t>(classes.size())}, {"names_crc32", classes.names_crc32()}, {"list", std::move(list)}});
}

Value value_of(const ManifestShard& shard) {
  return Value::map({{"file", shard.file},
                     {"uuid", shard.uuid},
                     {"bytes", shard.bytes},
                     {"num_samples", shard.num_samples},
                     {"first_index", shard.first_index},
                     {"payload_address", shard.payload_address},
                     {"payload_bytes", shard.payload_bytes},
                     {"xxh3_128", shard.xxh3_128}});
}

Value value_of(const SplitStatistics& statistics) {
  Value sizes = Value::map();
  for (const auto& [side, images] : statistics.size_histogram) {
    sizes.set(std::to_string(side), images);
  }
  Value value = Value::map({{"mean", list_of(statistics.mean)},
                            {"std", list_of(statistics.std)},
                            {"pixels", statistics.pixels},
                            {"size_histogram", std::move(sizes)},
                            {"class_pixels", list_of(statistics.class_pixels)},
                            {"class_images", list_of(statistics.class_images)}});
  if (!statistics.sum.empty()) {
    value.set("sum", list_of(statistics.sum));
    value.set("squares", list_of(statistics.squares));
  }
  if (!statistics.class_segments.empty()) {
    value.set("class_segments", list_of(statistics.class_segments));
  }
  return value;
}

Value value_of(const ManifestSplit& split) {
  Value shards = Value::list();
  for (const ManifestShard& shard : split.shards) {
    shards.push_back(value_of(shard));
  }
  Value value =
      Value::map({{"num_samples", split.num_samples},
                  {"order", Value::map({{"kind", split.order.kind}, {"seed", split.order.seed}})},
                  {"plan_hash", split.plan_hash},
                  {"fingerprint", split.fingerprint},
                  {"index", Value::map({{"file", split.index.file}, {"bytes", split.index.bytes}, {"xxh3_128", split.index.xxh3_128}})},
                  {"shards", std::move(shards)},
                  {"stats", value_of(split.statistics)},
                  {"source", Value::map({{"files", split.source_files}, {"listing_digest", split.listing_digest}})}});
  if (!split.appended.empty()) {
    value.set("appended", Value::list());
    for (const ManifestPart& part : split.appended) {
      value["appended"].push_back(
          Value::map({{"first_shard", part.first_shard},
                      {"plan_hash", part.plan_hash},
                      {"source", Value::map({{"files", part.source_files}, {"listing_digest", part.listing_digest}})}}));
    }
  }
  return value;
}

}  // namespace

std::string manifest_json(const Manifest& manifest) {
  Value producer = Value::map();
  for (const auto& [library, version] : manifest.producer) {
    producer.set(library, version);
  }
  Value splits = Value::map();
  for (const auto& [name, split] : manifest.splits) {
    splits.set(name, value_of(split));
  }
  Value value = Value::map({{"format", kDatasetFormat},
                            {"format_version", Value(Value::List{kFormatVersion[0], kFormatVersion[1]})},
                            {"producer", std::move(producer)},
                            {"task", manifest.task},
                            {"orientation_policy", manifest.orientation_policy},
                            {"ignore_index", manifest.ignore_index()},
                            {"classes", value_of(manifest.classes)},
                            {"splits", std::move(splits)},
                            {"generation", manifest.generation},
                            {"parent_fingerprint", manifest.parent_fingerprint}});
  // What holds for some sets only is left out of the others, whose manifests keep their bytes.
  if (manifest.multi_label) {
    value.set("multi_label", true);
  }
  if (manifest.max_side > 0) {
    value.set("max_side", manifest.max_side);
  }
  if (manifest.strip_metadata) {
    value.set("strip_metadata", true);
  }
  if (manifest.base) {
    value.set("base", Value::map({{"path", manifest.base->path}, {"fingerprint", manifest.base->fingerprint}}));
  }
  value.set(kChecksumKey, kNoChecksum);
  return seal_manifest(io::to_json(value) + "\n");
}

std::string seal_manifest(std::string text) {
  const std::string before = "\"checksum\": \"";
  const std::size_t found = text.rfind(before);
  if (found == std::string::npos || text.size() - found - before.size() < kNoChecksum.size()) {
    return text;
  }
  const std::size_t at = found + before.size();
  text.replace(at, kNoChecksum.size(), kNoChecksum);
  return text.replace(at, kNoChecksum.size(), xxh3_128_hex(text));
}

void write_manifest(const std::filesystem::path& folder, const Manifest& manifest) {
  write_file_atomically(folder / kManifestFile, manifest_json(manifest));
}

}  // namespace muster::data
