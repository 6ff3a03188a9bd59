#include "pack/inspect_sample.hpp"

#include <algorithm>
#include <cstring>
#include <string_view>
#include <utility>

#include "core/hash.hpp"
#include "image/orientation.hpp"
#include "pack/source_bytes.hpp"

namespace muster::pack {
namespace {

constexpr std::size_t kHeaderBytes = 64 << 10;  // most headers end within; the others are read in full

std::string_view text_of(const std::vector<std::byte>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

struct Probed {
  image::ImageInfo info;
  std::uint64_t hash = 0;  // 0: only the start was read
  std::vector<std::byte> start;
};

Probed probe_file(const io::SourceFile& file) {
  std::vector<std::byte> start = read_source(file, kHeaderBytes);
  const std::uint64_t hash = start.size() == file.bytes ? xxh3_64(text_of(start)) : 0;
  try {
    const image::ImageInfo info = image::probe(start, file.path.string());
    return {info, hash, std::move(start)};
  } catch (const DataError&) {
    if (start.size() == file.bytes) {
      throw;
    }
    return {image::probe(read_source(file), file.path.string()), 0, std::move(start)};
  }
}

std::string end_of(const io::SourceFile& file, const Probed& probed, std::size_t count) {
  const bool whole = probed.start.size() == file.bytes;
  const std::string_view start = text_of(probed.start);
  return whole ? std::string(start.substr(start.size() - std::min(start.size(), count)))
               : std::string(text_of(read_source_end(file, count)));
}

// Whether the file may be cut off, by a look at its end: false is certain only for what ends as its format wants. Some whole files look cut
// off too, such as a JPEG with other bytes behind its end.
bool may_be_cut_off(const io::SourceFile& file, const Probed& probed) {
  const image::ImageInfo& info = probed.info;
  switch (info.codec) {
    case image::Codec::kJpeg:
      return end_of(file, probed, 2) != "\xFF\xD9";
    case image::Codec::kPng:
      return !end_of(file, probed, 8).starts_with("IEND");  // and its checksum
    case image::Codec::kWebp: {
      std::uint32_t behind = 0;  // how many bytes follow "RIFF" and this number
      std::memcpy(&behind, probed.start.data() + 4, sizeof behind);
      return file.bytes < 8 + std::uint64_t{behind};
    }
    default: {  // no mark at the end, but uncompressed pixels need their room
      const auto bits = static_cast<std::uint64_t>(info.channels) * static_cast<std::uint64_t>(info.bit_depth);
      return file.bytes < static_cast<std::uint64_t>(info.height) * static_cast<std::uint64_t>(info.width) * bits / 8;
    }
  }
}

// Without a mask the image is turned as it says, unless that is to be ignored.
void choose_upright(Inspected& item, const std::string& policy) {
  item.orientation = static_cast<std::uint8_t>(policy == "ignore" ? 1 : item.info.exif_orientation);
  const bool swaps = image::swaps_sides(item.orientation);
  item.height = swaps ? item.info.width : item.info.height;
  item.width = swaps ? item.info.height : item.info.width;
}

void fit_to_mask(Inspected& item, const SourceSample& sample, const std::string& policy) {
  const image::ImageInfo mask = probe_file(*sample.mask).info;
  const OrientationChoice choice = choose_orientation(item.info, mask, policy);
  if (!choice.problem.empty()) {
    item.problem = fmt::format("{}: {} (mask {})", sample.image.path.string(), choice.problem, sample.mask->path.string());
    item.kind = choice.ambiguous ? ProblemKind::kOrientation : ProblemKind::kSize;
    item.can_skip = !choice.ambiguous;
  }
  item.orientation = choice.orientation;
  item.height = mask.height;
  item.width = mask.width;
}

}  // namespace

void put(WireWriter& wire, const Inspected& item) {
  wire.value(item.info);
  wire.value(item.orientation);
  wire.value(item.height);
  wire.value(item.width);
  wire.value(item.content_hash);
  wire.text(item.problem);
  wire.value(item.kind);
  wire.value(item.can_skip);
  wire.list(item.histogram);
  wire.value(std::uint64_t{item.undeclared.size()});
  for (const UndeclaredValue& value : item.undeclared) {
    wire.text(value.value);
    wire.value(value.pixels);
  }
  wire.text(item.undeclared_text);
}

Inspected inspected_from(WireReader& wire) {
  Inspected item;
  item.info = wire.value<image::ImageInfo>();
  item.orientation = wire.value<std::uint8_t>();
  item.height = wire.value<int>();
  item.width = wire.value<int>();
  item.content_hash = wire.value<std::uint64_t>();
  item.problem = wire.text();
  item.kind = wire.value<ProblemKind>();
  item.can_skip = wire.value<bool>();
  item.histogram = wire.list<data::ClassPixels>();
  item.undeclared.resize(wire.value<std::uint64_t>());
  for (UndeclaredValue& value : item.undeclared) {
    value.value = wire.text();
    value.pixels = wire.value<std::uint64_t>();
  }
  item.undeclared_text = wire.text();
  return item;
}

Inspected inspect_sample(const SourceSample& sample, const SplitSource& source, const std::string& orientation, bool targets) {
  Inspected item;
  try {
    const Probed image = probe_file(sample.image);
    item.info = image.info;
    item.content_hash = image.hash;
    if (sample.mask) {
      fit_to_mask(item, sample, orientation);
    } else {
      choose_upright(item, orientation);
    }
    if (targets && item.problem.empty() && may_be_cut_off(sample.image, image)) {
      (void)image::decode_rgb(read_source(sample.image), sample.image.path.string());
    }
    if (targets && item.problem.empty()) {
      item.histogram = source.inspect(sample, item.height, item.width);
    }
  } catch (const UndeclaredValueError& error) {
    item.undeclared = error.values();
    item.undeclared_text = error.what();
  } catch (const DataError& error) {
    item.problem = error.what();
    item.kind = ProblemKind::kUnreadable;
  }
  return item;
}

std::uint64_t content_hash(const io::SourceFile& file) {
  return xxh3_64(text_of(read_source(file)));
}

OrientationChoice choose_orientation(const image::ImageInfo& image, const image::ImageInfo& mask, const std::string& policy) {
  const int exif = image.exif_orientation;
  const bool swaps = image::swaps_sides(exif);
  const bool fits_raw = mask.height == image.height && mask.width == image.width;
  const bool fits_upright = swaps ? mask.height == image.width && mask.width == image.height : fits_raw;
  const bool fits = policy == "apply" ? fits_upright : policy == "ignore" ? fits_raw : fits_raw || fits_upright;
  if (!fits) {
    std::string text =
        fmt::format("the image is {} x {} (width x height), its mask {} x {}", image.width, image.height, mask.width, mask.height);
    if (exif != 1) {
      text += fmt::format("; EXIF orientation {} under orientation={}", exif, policy);
    }
    return {.orientation = 1, .problem = text + "; make them equal"};
  }
  if (policy == "auto" && exif != 1 && fits_raw && fits_upright) {
    return {
        .orientation = 1,
        .problem = fmt::format("EXIF orientation {}, and the mask's size does not tell whether the mask follows it; set orientation=apply "
                               "(masks are upright) or orientation=ignore (masks lie as the image is stored)",
                               exif),
        .ambiguous = true};
  }
  const bool keep = policy == "apply" || (policy == "auto" && !fits_raw);
  return {.orientation = static_cast<std::uint8_t>(keep ? exif : 1), .problem = {}};
}

}  // namespace muster::pack
