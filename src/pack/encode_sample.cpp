#include "pack/encode_sample.hpp"

#include <span>
#include <vector>

#include "core/error.hpp"
#include "data/mask_codec.hpp"
#include "data/shard_format.hpp"
#include "image/transcode.hpp"
#include "pack/source_bytes.hpp"

namespace muster::pack {
namespace {

struct StoredImage {
  std::vector<std::byte> bytes;
  image::Codec codec = image::Codec::kNone;
  bool transcoded = false;
};

StoredImage stored_form(std::vector<std::byte> bytes, const image::ImageInfo& info, const std::string& where) {
  if (info.codec == image::Codec::kJpeg && info.progressive) {
    return {.bytes = image::to_baseline(bytes, where), .codec = image::Codec::kJpeg, .transcoded = true};
  }
  if (info.codec == image::Codec::kNone) {
    return {.bytes = image::to_png(bytes, where), .codec = image::Codec::kPng, .transcoded = true};
  }
  return {.bytes = std::move(bytes), .codec = info.codec};
}

std::uint16_t flags_of(const image::ImageInfo& info, bool transcoded) {
  int flags = 0;
  flags |= info.cmyk ? data::kFlagCmyk : 0;
  flags |= info.progressive ? data::kFlagProgressiveSource : 0;
  flags |= transcoded ? data::kFlagTranscoded : 0;
  flags |= info.alpha ? data::kFlagHadAlpha : 0;
  flags |= info.palette ? data::kFlagPalette : 0;
  return static_cast<std::uint16_t>(flags);
}

[[noreturn]] void refuse_undeclared(std::span<const std::uint32_t> counts, const PixelTable& table, const io::SourceFile& mask,
                                    const DeclaredClasses& declared) {
  constexpr std::size_t kShown = 5;
  std::vector<std::string> values;
  std::size_t more = 0;
  for (std::size_t value = 0; value < counts.size(); ++value) {
    if (counts[value] > 0 && table[static_cast<std::uint16_t>(value)] == PixelTable::kUndeclared) {
      if (values.size() < kShown) {
        values.push_back(fmt::format("{} in {} pixels", value, counts[value]));
      } else {
        ++more;
      }
    }
  }
  throw UndeclaredValueError(fmt::format("{}: undeclared value {}{}; add it to classes or ignore_classes in {}, or mend the mask",
                                         mask.path.string(), fmt::join(values, ", "),
                                         more > 0 ? fmt::format(" and {} values more", more) : "", declared.where));
}

// Pixel values to dense indices, in place. Returns how often each class occurs.
std::vector<data::ClassPixels> to_dense(image::LabelMap& labels, const PixelTable& table, const io::SourceFile& mask,
                                        const DeclaredClasses& declared) {
  std::vector<std::uint32_t> counts(65536);  // by pixel value
  for (const std::uint16_t value : labels.values) {
    ++counts[value];
  }
  for (std::size_t value = 0; value < counts.size(); ++value) {
    if (counts[value] > 0 && table[static_cast<std::uint16_t>(value)] == PixelTable::kUndeclared) {
      refuse_undeclared(counts, table, mask, declared);
    }
  }
  for (std::uint16_t& value : labels.values) {
    value = static_cast<std::uint16_t>(table[value]);
  }
  std::vector<data::ClassPixels> histogram;
  for (std::size_t dense = 0; dense < declared.classes.size(); ++dense) {
    const std::uint32_t pixels = counts[static_cast<std::size_t>(declared.classes.ids[dense])];
    if (pixels > 0) {
      histogram.push_back({.class_index = static_cast<std::uint16_t>(dense), .pixels = pixels});
    }
  }
  return histogram;
}

}  // namespace

PixelSums& PixelSums::operator+=(const PixelSums& other) {
  pixels += other.pixels;
  for (std::size_t c = 0; c < sum.size(); ++c) {
    sum[c] += other.sum[c];
    squares[c] += other.squares[c];
  }
  return *this;
}

PixelSums pixel_sums(const image::Image& image) {
  PixelSums sums;
  sums.pixels = static_cast<std::uint64_t>(image.height) * static_cast<std::uint64_t>(image.width);
  for (std::size_t i = 0; i < sums.pixels; ++i) {
    for (std::size_t c = 0; c < 3; ++c) {
      const std::uint64_t value = image.pixels[3 * i + c];
      sums.sum[c] += value;
      sums.squares[c] += value * value;
    }
  }
  return sums;
}

EncodedPair encode_pair(const PlannedSample& sample, const PixelTable& table, const DeclaredClasses& declared) {
  const std::string image_path = sample.source.image.path.string();
  std::vector<std::byte> bytes = read_source(sample.source.image);
  EncodedPair encoded;
  encoded.sums = pixel_sums(image::decode_rgb(bytes, image_path));
  StoredImage stored = stored_form(std::move(bytes), sample.info, image_path);

  image::LabelMap labels = image::decode_labels(read_source(sample.source.mask), sample.source.mask.path.string());
  if (labels.height != sample.height || labels.width != sample.width) {
    throw DataError("{}: {} x {} now, {} x {} when packing began; let nothing write there and pack again", sample.source.mask.path.string(),
                    labels.width, labels.height, sample.width, sample.height);
  }
  data::SampleRecord& record = encoded.record;
  record.histogram = to_dense(labels, table, sample.source.mask, declared);
  record.key = sample.source.image.key;
  record.image = std::move(stored.bytes);
  record.image_codec = stored.codec;
  record.height = static_cast<std::uint32_t>(sample.height);
  record.width = static_cast<std::uint32_t>(sample.width);
  record.source_height = static_cast<std::uint32_t>(sample.info.height);
  record.source_width = static_cast<std::uint32_t>(sample.info.width);
  record.channels = static_cast<std::uint8_t>(sample.info.channels);
  record.bit_depth = static_cast<std::uint8_t>(sample.info.bit_depth);
  record.orientation = sample.orientation;
  record.flags = flags_of(sample.info, stored.transcoded);
  record.mask_dtype = static_cast<std::uint8_t>(declared.classes.stored_dtype());
  record.mask = data::encode_mask(labels, record.mask_dtype);
  record.mask_codec = image::Codec::kZlibRaw;
  return encoded;
}

}  // namespace muster::pack
