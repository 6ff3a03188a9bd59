#include "app/dataset_report.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/atomic_file.hpp"
#include "data/index_map.hpp"
#include "data/shard_format.hpp"
#include "image/codec.hpp"

namespace muster::app {
namespace {

using data::IndexMap;
using io::Value;

std::string codec_name(image::Codec codec) {
  constexpr std::array<const char*, 6> kNames = {"none", "jpeg", "png", "zlib_raw", "zstd_raw", "webp"};
  const auto number = static_cast<std::size_t>(codec);
  return number < kNames.size() ? kNames[number] : fmt::format("codec {}", number);
}

// Images without any label, where labels are what a set has.
std::uint64_t unlabelled(const IndexMap& index) {
  const auto label = index.column<std::int32_t>("index/label");
  const auto pointers = index.column<std::uint64_t>("index/labels_ptr");
  std::uint64_t count = 0;
  for (std::size_t i = 0; i < label.size(); ++i) {
    count += label[i] == -1;
  }
  for (std::size_t i = 0; i + 1 < pointers.size(); ++i) {
    count += pointers[i] == pointers[i + 1];
  }
  return count;
}

Value images_value(const IndexMap& index) {
  const auto codecs = index.column<image::Codec>("index/image_codec");
  const auto flags = index.column<std::uint16_t>("index/flags");
  const auto orientations = index.column<std::uint8_t>("index/orientation");
  std::map<std::string, std::uint64_t> by_codec;
  std::uint64_t transcoded = 0, turned = 0;
  for (std::size_t i = 0; i < index.size(); ++i) {
    ++by_codec[codec_name(codecs[i])];
    transcoded += (flags[i] & data::kFlagTranscoded) != 0;
    turned += orientations[i] != 1;
  }
  Value counts = Value::map();
  for (const auto& [name, count] : by_codec) {
    counts.set(name, count);
  }
  return Value::map({{"codecs", std::move(counts)}, {"transcoded", transcoded}, {"turned", turned}, {"unlabelled", unlabelled(index)}});
}

std::uint64_t shard_bytes(const data::ManifestSplit& split) {
  std::uint64_t bytes = 0;
  for (const data::ManifestShard& shard : split.shards) {
    bytes += shard.bytes;
  }
  return bytes;
}

// --- for people ---

std::string bar(double share) {
  return std::string(static_cast<std::size_t>(std::lround(std::clamp(share, 0.0, 1.0) * 30)), '#');
}

std::string plural(std::uint64_t count, const char* what) {
  return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

std::string numbers_text(const Value& list) {
  std::string text;
  for (const Value& number : list.as_list()) {
    text += fmt::format("{}{:.4f}", text.empty() ? "" : " ", number.as_double());
  }
  return text;
}

std::string images_text(const Value& images) {
  std::string text;
  for (const Value::Member& codec : images.at("codecs").as_map()) {
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", codec.value.as_uint(), codec.key);
  }
  const auto add = [&](const char* key, const char* what) {
    if (const std::uint64_t count = images.at(key).as_uint(); count > 0) {
      text += fmt::format("; {} {}", count, what);
    }
  };
  add("transcoded", "not as in their files (flag transcoded)");
  add("turned", "turned by EXIF when read");
  add("unlabelled", "without a label");
  return text;
}

std::string sizes_text(const Value& histogram, std::uint64_t samples) {
  std::map<std::uint64_t, std::uint64_t> by_side;  // the report keeps them in order of their text
  for (const Value::Member& member : histogram.as_map()) {
    by_side[std::stoull(member.key)] = member.value.as_uint();
  }
  std::string text;
  for (const auto& [side, count] : by_side) {
    text += fmt::format("  {:<10} {:>6} to {:<6} {:>9} {}\n", text.empty() ? "long side" : "", side / 2 + 1, side, count,
                        bar(static_cast<double>(count) / static_cast<double>(std::max<std::uint64_t>(1, samples))));
  }
  return text;
}

struct ClassRow {
  std::int64_t id = 0;
  std::string name;
  std::uint64_t pixels = 0, images = 0, segments = 0;
};

std::vector<ClassRow> class_rows(const Value& classes, const Value& statistics) {
  const auto count = [&](const char* key, std::size_t i) -> std::uint64_t {
    const Value* list = statistics.find(key);
    return list == nullptr || i >= list->size() ? 0 : list->as_list()[i].as_uint();
  };
  std::vector<ClassRow> rows;
  for (std::size_t i = 0; i < classes.size(); ++i) {
    const Value& entry = classes.as_list()[i];
    rows.push_back({.id = entry.at("id").as_int(),
                    .name = entry.at("name").as_string(),
                    .pixels = count("class_pixels", i),
                    .images = count("class_images", i),
                    .segments = count("class_segments", i)});
  }
  return rows;
}

// Share of the pixels where there are masks, of the images where there are labels. Of many classes, the most frequent.
std::string classes_text(const Value& report, const Value& split) {
  constexpr std::size_t kShown = 60;
  const Value& statistics = split.at("stats");
  std::vector<ClassRow> rows = class_rows(report.at("classes").at("list"), statistics);
  if (rows.empty()) {
    return "";
  }
  const bool masks = statistics.at("class_pixels").size() > 0;
  const bool segments = statistics.find("class_segments") != nullptr;
  const std::uint64_t all = std::max<std::uint64_t>(1, masks ? statistics.at("pixels").as_uint() : split.at("num_samples").as_uint());
  const std::size_t classes = rows.size();
  if (classes > kShown) {
    std::ranges::stable_sort(rows, std::ranges::greater(), masks ? &ClassRow::pixels : &ClassRow::images);
    rows.resize(kShown);
  }
  std::string text =
      fmt::format("  {:>6} {:<28} {:>9} {:>9}{}\n", "id", "class", masks ? "pixels" : "share", "images", segments ? "  segments" : "");
  std::uint64_t void_pixels = masks ? all : 0;
  for (const ClassRow& row : rows) {
    const double share = static_cast<double>(masks ? row.pixels : row.images) / static_cast<double>(all);
    text += fmt::format("  {:>6} {:<28} {:>7.2f} % {:>9}{} {}\n", row.id, row.name, 100 * share, row.images,
                        segments ? fmt::format(" {:>9}", row.segments) : "", bar(share));
    void_pixels -= std::min(void_pixels, masks ? row.pixels : 0);
  }
  if (classes > kShown) {
    return text + fmt::format("  {} classes more, less frequent: see --json\n", classes - kShown);
  }
  if (masks) {
    text += fmt::format("  {:>6} {:<28} {:>7.2f} %\n", "", "(void)", 100.0 * static_cast<double>(void_pixels) / static_cast<double>(all));
  }
  return text;
}

std::string split_text(const Value& report, const std::string& name, const Value& split) {
  const Value& statistics = split.at("stats");
  const Value& order = split.at("order");
  const std::uint64_t samples = split.at("num_samples").as_uint();
  std::string text = fmt::format("\n{}: {} in {}, {:.1f} MB, {}{}, fingerprint {}\n", name, plural(samples, "sample"),
                                 plural(split.at("shards").size(), "shard"), static_cast<double>(split.at("bytes").as_uint()) / 1e6,
                                 order.at("kind").as_string(),
                                 order.at("kind").as_string() == "shuffled" ? fmt::format(" with seed {}", order.at("seed").as_uint()) : "",
                                 split.at("fingerprint").as_string());
  text += fmt::format("  {:<10} {}\n", "images", images_text(split.at("images")));
  text += fmt::format("  {:<10} {:.1f} million; mean {}, std {}\n", "pixels", static_cast<double>(statistics.at("pixels").as_uint()) / 1e6,
                      numbers_text(statistics.at("mean")), numbers_text(statistics.at("std")));
  text += sizes_text(statistics.at("size_histogram"), samples);
  return text + classes_text(report, split);
}

}  // namespace

bool is_dataset_folder(const std::filesystem::path& folder) {
  const std::filesystem::path manifest = folder / data::kManifestFile;
  return std::filesystem::is_regular_file(manifest) && read_file(manifest).find(data::kDatasetFormat) != std::string::npos;
}

io::Value dataset_report(const data::Dataset& dataset) {
  Value manifest = io::parse_json(data::manifest_json(dataset.manifest()), data::kManifestFile);
  manifest.erase("checksum");
  std::uint64_t samples = 0, shards = 0, bytes = 0;
  for (const auto& [name, split] : dataset.manifest().splits) {
    Value& value = manifest["splits"][name];
    value.set("bytes", shard_bytes(split));
    value.set("images", images_value(IndexMap(dataset.folder(), name, split, data::IndexCheck::kWhole)));
    samples += split.num_samples;
    shards += split.shards.size();
    bytes += shard_bytes(split);
  }
  Value report = Value::map({{"data", dataset.folder().string()},
                             {"fingerprint", dataset.fingerprint()},
                             {"samples", samples},
                             {"shards", shards},
                             {"bytes", bytes}});
  for (const Value::Member& member : manifest.as_map()) {
    report.set(member.key, member.value);
  }
  return report;
}

std::string dataset_report_text(const Value& report) {
  std::string text = fmt::format("{}: {}, {} classes, {} in {}, {:.1f} MB, fingerprint {}\n", report.at("data").as_string(),
                                 report.at("task").as_string(), report.at("classes").at("count").as_uint(),
                                 plural(report.at("samples").as_uint(), "sample"), plural(report.at("shards").as_uint(), "shard"),
                                 static_cast<double>(report.at("bytes").as_uint()) / 1e6, report.at("fingerprint").as_string());
  const Value* muster = report.at("producer").find("muster");
  text += fmt::format("generation {}{}, orientation {}, packed by muster {}\n", report.at("generation").as_uint(),
                      report.at("parent_fingerprint").as_string().empty() ? "" : " of " + report.at("parent_fingerprint").as_string(),
                      report.at("orientation_policy").as_string(), muster == nullptr ? "?" : muster->as_string());
  for (const Value::Member& split : report.at("splits").as_map()) {
    text += split_text(report, split.key, split.value);
  }
  return text;
}

}  // namespace muster::app
