#include "data/manifest.hpp"

#include <charconv>
#include <set>

#include "core/atomic_file.hpp"
#include "core/error.hpp"
#include "data/shard_format.hpp"
#include "io/value.hpp"

namespace muster::data {

using io::Value;

namespace {

std::uint32_t as_u32(const Value& value) {
  const std::uint64_t number = value.as_uint();
  if (number > 0xffffffffU) {
    throw DataError("{}: {} does not fit 32 bits", value.where(), number);
  }
  return static_cast<std::uint32_t>(number);
}

std::vector<double> doubles_of(const Value& value) {
  std::vector<double> list;
  for (const Value& item : value.as_list()) {
    list.push_back(item.as_double());
  }
  return list;
}

std::vector<std::uint64_t> counts_of(const Value& value) {
  std::vector<std::uint64_t> list;
  for (const Value& item : value.as_list()) {
    list.push_back(item.as_uint());
  }
  return list;
}

// A file beside the manifest: a name without folders.
std::string file_name_of(const Value& value) {
  const std::string& name = value.as_string();
  if (name.empty() || name.find('/') != std::string::npos) {
    throw DataError("{}: \"{}\" is no file name in the folder of the manifest", value.where(), name);
  }
  return name;
}

ClassList classes_of(const Value& value) {
  std::vector<std::pair<std::int32_t, std::string>> pairs;
  for (const Value& entry : value.at("list").as_list()) {
    pairs.emplace_back(static_cast<std::int32_t>(entry.at("id").as_int()), entry.at("name").as_string());
  }
  ClassList classes = make_class_list(pairs);
  for (std::size_t i = 0; i < classes.size(); ++i) {
    const Value& entry = value.at("list").as_list()[i];
    const Value::List& color = entry.at("color").as_list();
    if (classes.ids[i] != pairs[i].first || color.size() != 3) {
      throw DataError("{}: class {} is out of order or has no colour of three values", value.where(), pairs[i].first);
    }
    for (std::size_t channel = 0; channel < 3; ++channel) {
      classes.colors[i][channel] = static_cast<std::uint8_t>(color[channel].as_uint());
    }
    classes.isthing[i] = entry.at("isthing").as_uint() != 0;
  }
  if (value.at("count").as_uint() != classes.size() || value.at("names_crc32").as_string() != classes.names_crc32()) {
    throw DataError("{}: {} classes with checksum {}, but count and names_crc32 say {} and {}", value.where(), classes.size(),
                    classes.names_crc32(), value.at("count").as_uint(), value.at("names_crc32").as_string());
  }
  return classes;
}

ManifestShard shard_of(const Value& value) {
  ManifestShard shard{.file = file_name_of(value.at("file")),
                      .uuid = to_hex(uuid_from_hex(value.at("uuid").as_string(), value.where())),
                      .bytes = value.at("bytes").as_uint(),
                      .num_samples = as_u32(value.at("num_samples")),
                      .first_index = as_u32(value.at("first_index")),
                      .payload_address = value.at("payload_address").as_uint(),
                      .payload_bytes = value.at("payload_bytes").as_uint(),
                      .xxh3_128 = value.at("xxh3_128").as_string()};
  if (shard.payload_bytes < kPayloadHeaderBytes || shard.payload_bytes > shard.bytes ||
      shard.payload_address > shard.bytes - shard.payload_bytes) {
    throw DataError("{}: {} has {} bytes, so its payload cannot be {} bytes at {}", value.where(), shard.file, shard.bytes,
                    shard.payload_bytes, shard.payload_address);
  }
  return shard;
}

// Numbers by dense index: none, or one per class.
void check_counts(const std::vector<std::uint64_t>& counts, const char* what, std::size_t num_classes, const std::string& where) {
  if (!counts.empty() && counts.size() != num_classes) {
    throw DataError("{}: stats.{} has {} numbers for {} classes", where, what, counts.size(), num_classes);
  }
}

std::uint32_t side_of(const std::string& text, const std::string& where) {
  std::uint32_t side = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), side);
  if (error != std::errc() || end != text.data() + text.size()) {
    throw DataError("{}: size_histogram: \"{}\" is no number of pixels", where, text);
  }
  return side;
}

SplitStatistics statistics_of(const Value& value) {
  SplitStatistics statistics{.mean = doubles_of(value.at("mean")),
                             .std = doubles_of(value.at("std")),
                             .pixels = value.at("pixels").as_uint(),
                             .size_histogram = {},
                             .class_pixels = counts_of(value.at("class_pixels")),
                             .class_images = counts_of(value.at("class_images"))};
  for (const auto& [side, images] : value.at("size_histogram").as_map()) {
    statistics.size_histogram[side_of(side, value.where())] = images.as_uint();
  }
  if (const Value* sum = value.find("sum"); sum != nullptr) {
    statistics.sum = counts_of(*sum);
    statistics.squares = counts_of(value.at("squares"));
    if (statistics.sum.size() != statistics.mean.size() || statistics.squares.size() != statistics.mean.size()) {
      throw DataError("{}: sum, squares and mean have {}, {} and {} channels", value.where(), statistics.sum.size(),
                      statistics.squares.size(), statistics.mean.size());
    }
  }
  if (const Value* segments = value.find("class_segments"); segments != nullptr) {
    statistics.class_segments = counts_of(*segments);
  }
  return statistics;
}

// Each part begins behind the one before it, and within the shards.
ManifestPart part_of(const Value& value, const ManifestSplit& split) {
  ManifestPart part{.first_shard = as_u32(value.at("first_shard")),
                    .plan_hash = value.at("plan_hash").as_string(),
                    .source_files = value.at("source").at("files").as_uint(),
                    .listing_digest = value.at("source").at("listing_digest").as_string()};
  const std::uint32_t before = split.appended.empty() ? 0 : split.appended.back().first_shard;
  if (part.first_shard <= before || part.first_shard >= split.shards.size()) {
    throw DataError("{}: first_shard={}, but the part before begins at {} and there are {} shards", value.where(), part.first_shard, before,
                    split.shards.size());
  }
  return part;
}

ManifestSplit split_of(const Value& value) {
  const Value& index = value.at("index");
  const Value& source = value.at("source");
  ManifestSplit split{
      .num_samples = as_u32(value.at("num_samples")),
      .order = {.kind = value.at("order").at("kind").as_string(), .seed = value.at("order").at("seed").as_uint()},
      .plan_hash = value.at("plan_hash").as_string(),
      .fingerprint = value.at("fingerprint").as_string(),
      .index = {.file = file_name_of(index.at("file")), .bytes = index.at("bytes").as_uint(), .xxh3_128 = index.at("xxh3_128").as_string()},
      .shards = {},
      .statistics = statistics_of(value.at("stats")),
      .source_files = source.at("files").as_uint(),
      .listing_digest = source.at("listing_digest").as_string()};
  std::uint64_t next = 0;
  std::set<std::string> files = {split.index.file};
  for (const Value& entry : value.at("shards").as_list()) {
    split.shards.push_back(shard_of(entry));
    if (!files.insert(split.shards.back().file).second) {
      throw DataError("{}: {} is listed twice", entry.where(), split.shards.back().file);
    }
    if (split.shards.back().first_index != next) {
      throw DataError("{}: {} starts at sample {}, wanted {}", entry.where(), split.shards.back().file, split.shards.back().first_index,
                      next);
    }
    next += split.shards.back().num_samples;
  }
  if (next != split.num_samples) {
    throw DataError("{}: num_samples={}, but the shards hold {}", value.where(), split.num_samples, next);
  }
  if (const Value* parts = value.find("appended"); parts != nullptr) {
    for (const Value& part : parts->as_list()) {
      split.appended.push_back(part_of(part, split));
    }
  }
  return split;
}

Manifest manifest_of(const Value& value, const std::string& where) {
  const Value::List& version = value.at("format_version").as_list();
  if (version.size() != 2) {
    throw DataError("{}: format_version is no [major, minor]", where);
  }
  check_format(value.at("format").as_string(), {as_u32(version[0]), as_u32(version[1])}, kDatasetFormat, where);
  Manifest manifest{.task = value.at("task").as_string(),
                    .producer = {},
                    .orientation_policy = value.at("orientation_policy").as_string(),
                    .classes = classes_of(value.at("classes")),
                    .splits = {},
                    .base = std::nullopt,
                    .generation = as_u32(value.at("generation")),
                    .parent_fingerprint = value.at("parent_fingerprint").as_string()};
  for (const auto& [library, text] : value.at("producer").as_map()) {
    manifest.producer[library] = text.as_string();
  }
  for (const auto& [name, split] : value.at("splits").as_map()) {
    const SplitStatistics& statistics = (manifest.splits[name] = split_of(split)).statistics;
    check_counts(statistics.class_pixels, "class_pixels", manifest.classes.size(), split.where());
    check_counts(statistics.class_images, "class_images", manifest.classes.size(), split.where());
    check_counts(statistics.class_segments, "class_segments", manifest.classes.size(), split.where());
  }
  if (const Value* several = value.find("multi_label"); several != nullptr) {
    manifest.multi_label = several->as_bool();
  }
  if (const Value* side = value.find("max_side"); side != nullptr) {
    manifest.max_side = as_u32(*side);
  }
  if (const Value* strip = value.find("strip_metadata"); strip != nullptr) {
    manifest.strip_metadata = strip->as_bool();
  }
  if (const Value* base = value.find("base"); base != nullptr) {
    manifest.base = ManifestBase{.path = base->at("path").as_string(), .fingerprint = base->at("fingerprint").as_string()};
  }
  (void)target_kind(manifest.task, manifest.multi_label, where);  // refuses what is not known, with the file's name
  if (value.at("ignore_index").as_int() != manifest.ignore_index()) {
    throw DataError("{}: ignore_index={}, but sets for {} with {} classes are stored with {}", where, value.at("ignore_index").as_int(),
                    manifest.task, manifest.classes.size(), manifest.ignore_index());
  }
  return manifest;
}

// A manifest without checksum was written before there was one.
void check_seal(const Value& value, const std::string& text, const std::string& where) {
  if (const Value* checksum = value.find("checksum"); checksum != nullptr && seal_manifest(text) != text) {
    throw DataError("{}: its text does not give the checksum {}: it was changed after it was written; copy it again, or pack again", where,
                    checksum->as_string());
  }
}

}  // namespace

Manifest parse_manifest(const std::string& text, const std::string& where) {
  try {
    const Value value = io::parse_json(text, where);
    Manifest manifest = manifest_of(value, where);
    check_seal(value, text, where);
    return manifest;
  } catch (const DataError&) {
    throw;
  } catch (const std::exception& error) {  // malformed JSON, a missing key, a wrong type: here the data is at fault, not a recipe
    throw DataError("{}: {}; the manifest is damaged, pack again", where, error.what());
  }
}

Manifest read_manifest(const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / kManifestFile;
  if (!std::filesystem::is_regular_file(path)) {
    const char* what = std::filesystem::is_directory(folder) ? "has no manifest.json, so it is no finished data set" : "is no folder";
    throw DataError("{} {}; name the output folder of a `muster pack` that has ended", folder.string(), what);
  }
  return parse_manifest(read_file(path), path.string());
}

}  // namespace muster::data
