#include "pack/dense_mask.hpp"

#include <algorithm>
#include <cstring>
#include <unordered_map>

#include "core/error.hpp"
#include "image/decode.hpp"
#include "image/format.hpp"
#include "pack/split_source.hpp"

namespace muster::pack {
namespace {

constexpr std::size_t kShownLabels = 5;

// Of a RIFF file: lossy pixels are in a chunk "VP8 ", lossless ones in "VP8L"; an extended header may stand before either.
bool is_lossy_webp(std::span<const std::byte> bytes) {
  for (std::size_t at = 12; at + 8 <= bytes.size();) {
    if (std::memcmp(&bytes[at], "VP8L", 4) == 0) {
      return false;
    }
    if (std::memcmp(&bytes[at], "VP8 ", 4) == 0) {
      return true;
    }
    std::size_t size = 0;
    for (std::size_t k = 0; k < 4; ++k) {
      size |= std::to_integer<std::size_t>(bytes[at + 4 + k]) << 8 * k;
    }
    at += 8 + size + size % 2;
  }
  return false;
}

image::Image label_colors(std::span<const std::byte> bytes, const std::string& where) {
  const image::Format format = image::format_of(bytes);
  const bool lossy = format == image::Format::kJpeg || format == image::Format::kJpeg2000 || format == image::Format::kDicom ||
                     (format == image::Format::kWebp && is_lossy_webp(bytes));
  if (lossy) {
    throw DataError("{} is {}, whose values may change in compression, so it cannot hold labels; save the mask as PNG", where,
                    image::describe(format));
  }
  const image::ImageInfo info = image::probe(bytes, where);
  if (info.bit_depth > 8 || info.cmyk) {
    throw DataError("{}: labels are colours of 8 bits, and this mask has {}; save it as RGB PNG of 8 bits", where,
                    info.cmyk ? "CMYK" : fmt::format("{} bits per channel", info.bit_depth));
  }
  return image::decode_rgb(bytes, where);  // of 8 bits and less nothing is rounded
}

[[noreturn]] void refuse_undeclared(const std::unordered_map<std::uint32_t, std::uint64_t>& counts, const DeclaredClasses& declared,
                                    const std::string& where) {
  std::vector<std::pair<std::uint32_t, std::uint64_t>> sorted(counts.begin(), counts.end());
  std::ranges::sort(sorted);
  std::vector<UndeclaredValue> values;
  std::vector<std::string> texts;
  for (const auto& [value, pixels] : sorted) {
    values.push_back({.value = label_text(value, declared.rgb), .pixels = pixels});
    texts.push_back(fmt::format("{} in {} pixels", values.back().value, pixels));
  }
  const std::size_t more = texts.size() - std::min(texts.size(), kShownLabels);
  texts.resize(texts.size() - more);
  const char* remedy = declared.rgb             ? "add it to the labels of a class (of one in ignore_classes, if it means nothing)"
                       : declared.reduce_labels ? "add what it is less one, since reduce_labels is set, to classes or ignore_classes"
                                                : "add it to classes or ignore_classes";
  throw UndeclaredValueError(
      fmt::format("{}: undeclared {} {}{}; {} in {}, or mend the mask", where, declared.rgb ? "colour" : "value", fmt::join(texts, ", "),
                  more > 0 ? fmt::format(" and {} values more", more) : "", remedy, declared.where),
      std::move(values));
}

// Looks every pixel's value up; values[i] is the value of pixel i.
template <class ValueOf>
DenseMask look_up_pixels(image::LabelMap labels, ValueOf value_of, const PixelTable& table, const DeclaredClasses& declared,
                         const std::string& where) {
  std::vector<std::uint32_t> counts(declared.classes.size());
  std::unordered_map<std::uint32_t, std::uint64_t> undeclared;
  std::uint32_t value = 0;
  std::int32_t dense = PixelTable::kUndeclared;  // of `value`: neighbours are mostly equal
  for (std::size_t i = 0; i < labels.values.size(); ++i) {
    if (const std::uint32_t here = value_of(i); here != value || i == 0) {
      value = here;
      dense = table[value];
    }
    if (dense == PixelTable::kUndeclared) {
      ++undeclared[value];
    } else {
      labels.values[i] = static_cast<std::uint16_t>(dense);
      if (dense != kVoid) {
        ++counts[static_cast<std::size_t>(dense)];
      }
    }
  }
  if (!undeclared.empty()) {
    refuse_undeclared(undeclared, declared, where);
  }
  DenseMask mask{.labels = std::move(labels), .histogram = {}};
  for (std::size_t k = 0; k < counts.size(); ++k) {
    if (counts[k] > 0) {
      mask.histogram.push_back({.class_index = static_cast<std::uint16_t>(k), .pixels = counts[k]});
    }
  }
  return mask;
}

}  // namespace

DenseMask decode_dense_mask(std::span<const std::byte> bytes, const PixelTable& table, const DeclaredClasses& declared,
                            const std::string& where) {
  if (declared.rgb) {
    const image::Image colors = label_colors(bytes, where);
    const std::uint8_t* rgb = colors.pixels.data();
    const auto color = [rgb](std::size_t i) { return packed_rgb(rgb[3 * i], rgb[3 * i + 1], rgb[3 * i + 2]); };
    return look_up_pixels(image::LabelMap(colors.height, colors.width), color, table, declared, where);
  }
  const image::LabelMap values = image::decode_labels(bytes, where);
  const std::uint16_t* stored = values.values.data();
  return look_up_pixels(
      image::LabelMap(values.height, values.width), [stored](std::size_t i) { return std::uint32_t{stored[i]}; }, table, declared, where);
}

}  // namespace muster::pack
