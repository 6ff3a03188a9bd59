#include "pack/encode_sample.hpp"

#include "data/shard_format.hpp"
#include "image/orientation.hpp"
#include "pack/shrink.hpp"
#include "pack/source_bytes.hpp"

namespace muster::pack {
namespace {

std::uint16_t flags_of(const image::ImageInfo& info, bool transcoded) {
  int flags = 0;
  flags |= info.cmyk ? data::kFlagCmyk : 0;
  flags |= info.progressive ? data::kFlagProgressiveSource : 0;
  flags |= transcoded ? data::kFlagTranscoded : 0;
  flags |= info.alpha ? data::kFlagHadAlpha : 0;
  flags |= info.palette ? data::kFlagPalette : 0;
  return static_cast<std::uint16_t>(flags);
}

Extent upright_extent(const StoredImage& stored, int orientation) {
  return image::swaps_sides(orientation) ? Extent{stored.width, stored.height} : Extent{stored.height, stored.width};
}

}  // namespace

PackedSample encode_sample(const PlannedSample& sample, const SplitSource& source, const PackOptions& options) {
  const io::SourceFile& image = sample.source.image;
  StoredImage stored = store_image(read_source(image), sample.info,
                                   {.max_side = options.max_side, .strip_metadata = options.strip_metadata}, image.path.string());
  const Extent upright = upright_extent(stored, sample.orientation);
  EncodedTarget target = shrink_target(source.encode(sample.source, sample.height, sample.width), {sample.height, sample.width}, upright,
                                       options.task == "panoptic_segmentation");
  PackedSample packed;
  packed.sums = stored.sums;
  data::SampleRecord& record = packed.record;
  record.key = image.key;
  record.image = std::move(stored.bytes);
  record.image_codec = stored.codec;
  record.height = static_cast<std::uint32_t>(upright.height);
  record.width = static_cast<std::uint32_t>(upright.width);
  record.source_height = static_cast<std::uint32_t>(sample.info.height);
  record.source_width = static_cast<std::uint32_t>(sample.info.width);
  record.channels = static_cast<std::uint8_t>(stored.channels);
  record.bit_depth = static_cast<std::uint8_t>(stored.bit_depth);
  record.orientation = sample.orientation;
  record.flags = flags_of(sample.info, stored.transcoded);
  record.mask = std::move(target.mask);
  record.mask_codec = record.mask.empty() ? image::Codec::kNone : target.codec;
  record.mask_dtype = target.dtype;
  record.histogram = std::move(target.histogram);
  record.label = target.label;
  record.labels = std::move(target.labels);
  record.segments = std::move(target.segments);
  return packed;
}

}  // namespace muster::pack
