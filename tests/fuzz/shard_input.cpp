#include "fuzz/shard_input.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "core/atomic_file.hpp"
#include "core/hash.hpp"
#include "data/mask_codec.hpp"
#include "data/shard_writer.hpp"
#include "image/encode.hpp"

namespace muster::fuzz {

namespace fs = std::filesystem;

using data::TargetKind;

namespace {

constexpr std::uint32_t kSamples = 3;

data::ShardIdentity identity_of(TargetKind kind) {
  data::ShardIdentity identity;
  identity.task = kind == TargetKind::kClassMask     ? "semantic_segmentation"
                  : kind == TargetKind::kSegmentMask ? "panoptic_segmentation"
                  : kind == TargetKind::kNone        ? "pretrain"
                                                     : "image_classification";
  identity.multi_label = kind == TargetKind::kLabels;
  identity.split = "train";
  identity.plan_hash = "fuzz";
  identity.producer = "muster fuzz";
  if (kind != TargetKind::kNone) {
    identity.classes = data::make_class_list({{0, "field"}, {4, "house"}, {9, "lake"}});
  }
  return identity;
}

image::Image picture(int height, int width, std::uint32_t number) {
  image::Image image(height, width);
  for (std::size_t p = 0; p < image.pixels.size(); ++p) {
    image.pixels[p] = static_cast<std::uint8_t>(p * (7 + number) + 31 * number);
  }
  return image;
}

// Left half one value, right half another.
image::LabelMap halves(int height, int width, std::uint16_t left, std::uint16_t right) {
  image::LabelMap map(height, width);
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      map.row(y)[x] = x < width / 2 ? left : right;
    }
  }
  return map;
}

data::SampleRecord record_of(std::uint32_t number, TargetKind kind) {
  const int height = 6 + static_cast<int>(number), width = 10;
  const bool turned = number == 2, jpeg = number == 1;
  const image::Image stored = picture(turned ? width : height, turned ? height : width, number);
  data::SampleRecord record;
  record.key = "a/" + std::to_string(number) + (jpeg ? ".jpg" : ".png");
  record.image = jpeg ? image::encode_jpeg(stored, 80) : image::encode_png(stored);
  record.image_codec = jpeg ? image::Codec::kJpeg : image::Codec::kPng;
  record.height = static_cast<std::uint32_t>(height);
  record.width = static_cast<std::uint32_t>(width);
  record.source_height = static_cast<std::uint32_t>(stored.height);
  record.source_width = static_cast<std::uint32_t>(stored.width);
  record.orientation = turned ? 6 : 1;
  const auto half = static_cast<std::uint32_t>(height * width / 2);
  if (kind == TargetKind::kClassMask) {
    record.mask = data::encode_mask(halves(height, width, 0, 2), 1);
    record.histogram = {{.class_index = 0, .pixels = half}, {.class_index = 2, .pixels = half}};
  } else if (kind == TargetKind::kSegmentMask) {
    record.mask = data::encode_segment_mask(halves(height, width, 1, 2), 1);
    record.histogram = {{.class_index = 1, .pixels = 2 * half}};
    for (const int left : {0, width / 2}) {
      record.segments.push_back({.original_id = 100 + static_cast<std::uint32_t>(left),
                                 .class_index = 1,
                                 .iscrowd = static_cast<std::uint8_t>(left == 0),
                                 .area = half,
                                 .bbox = {left, 0, width / 2, height}});
    }
  } else if (kind == TargetKind::kLabel) {
    record.label = static_cast<std::int32_t>(number) - 1;
  } else if (kind == TargetKind::kLabels && number > 0) {
    record.labels = {0, 2};
  }
  record.mask_codec = record.mask.empty() ? image::Codec::kNone : image::Codec::kZlibRaw;
  return record;
}

fs::path new_folder() {
  std::string pattern = (fs::temp_directory_path() / "muster-fuzz-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) {
    std::abort();
  }
  return pattern;
}

template <class T>
T load(const std::string& bytes, std::uint64_t at) {
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

const std::uint8_t* bytes_of(const std::string& text) {
  return reinterpret_cast<const std::uint8_t*>(text.data());
}

}  // namespace

ShardInput::ShardInput(TargetKind kind) : folder_(new_folder()) {
  const data::ShardIdentity identity = identity_of(kind);
  data::ShardWriter writer(identity);
  for (std::uint32_t number = 0; number < kSamples; ++number) {
    writer.add(record_of(number, kind));
  }
  data::ManifestSplit split;
  split.shards = {writer.finish(folder_)};
  split.num_samples = data::link_shards(split.shards);
  const data::SplitIndex index = data::write_split_index(folder_, identity, split.shards);
  split.plan_hash = identity.plan_hash;
  split.index = index.file;
  split.fingerprint = index.fingerprint;
  manifest_.task = identity.task;
  manifest_.multi_label = identity.multi_label;
  manifest_.classes = identity.classes;
  manifest_.splits["train"] = split;
  places_ = data::find_index_columns(index_path()).columns;
  const auto into_memory = [this](const std::string& name, testing_support::MemoryFile& memory) {
    std::string bytes = read_file(folder_ / name);
    fs::remove(folder_ / name);
    fs::create_symlink(memory.put(bytes_of(bytes), bytes.size()), folder_ / name);
    return bytes;
  };
  index_ = into_memory(split.index.file, index_file_);
  shard_ = into_memory(split.shards[0].file, shard_file_);
}

ShardInput::~ShardInput() {
  std::error_code ignored;  // a leftover in /tmp is no finding
  fs::remove_all(folder_, ignored);
}

std::string ShardInput::seed() const {
  std::string seed;
  for (const data::ColumnPlace& column : places_) {
    seed += column.present ? index_.substr(column.address, column.count * column.width) : std::string();
  }
  const data::ManifestShard& shard = manifest_.splits.at("train").shards[0];
  return seed + shard_.substr(shard.payload_address, shard.payload_bytes);
}

const data::Manifest& ShardInput::put(std::span<const std::uint8_t> bytes, bool mend) {
  std::string index = index_, shard = shard_;
  const auto take = [&bytes](std::string& file, std::uint64_t at, std::uint64_t size) {
    const std::size_t count = std::min<std::size_t>(bytes.size(), size);
    if (count > 0) {
      std::memcpy(file.data() + at, bytes.data(), count);
      bytes = bytes.subspan(count);
    }
  };
  for (const data::ColumnPlace& column : places_) {
    take(index, column.address, column.present ? column.count * column.width : 0);
  }
  data::ManifestSplit& split = manifest_.splits.at("train");
  take(shard, split.shards[0].payload_address, split.shards[0].payload_bytes);
  if (mend) {
    mend_checksums(index, shard);
  }
  split.index.xxh3_128 = xxh3_128_hex(index);
  split.shards[0].xxh3_128 = xxh3_128_hex(shard);
  index_file_.put(bytes_of(index), index.size());
  shard_file_.put(bytes_of(shard), shard.size());
  return manifest_;
}

const data::ColumnPlace& ShardInput::place(std::string_view name) const {
  return *std::ranges::find(places_, name, &data::ColumnPlace::name);
}

void ShardInput::mend_checksums(std::string& index, const std::string& shard) const {
  const data::ManifestShard& entry = manifest_.splits.at("train").shards[0];
  for (const std::string kind : {"image", "mask"}) {
    const data::ColumnPlace& crc32 = place("index/" + kind + "_crc32");
    for (std::uint64_t i = 0; i < crc32.count; ++i) {
      const auto offset = load<std::uint64_t>(index, place("index/" + kind + "_offset").address + 8 * i);
      const auto size = load<std::uint32_t>(index, place("index/" + kind + "_size").address + 4 * i);
      if (offset <= entry.payload_bytes && size <= entry.payload_bytes - offset) {
        const std::uint32_t sum = crc32_of(std::as_bytes(std::span(shard).subspan(entry.payload_address + offset, size)));
        std::memcpy(index.data() + crc32.address + 4 * i, &sum, sizeof sum);
      }
    }
  }
}

}  // namespace muster::fuzz
