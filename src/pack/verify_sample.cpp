#include "pack/verify_sample.hpp"

#include <algorithm>
#include <cerrno>
#include <functional>
#include <span>
#include <utility>
#include <vector>

#include "core/error.hpp"
#include "core/hash.hpp"
#include "data/mask_codec.hpp"
#include "data/shard_fds.hpp"
#include "data/shard_format.hpp"
#include "image/decode.hpp"
#include "image/orientation.hpp"
#include "pack/verify_target.hpp"

namespace muster::pack {

namespace {

using data::IndexColumns;
using data::TargetKind;

struct Blob {
  const char* kind;
  std::uint64_t offset;
  std::uint32_t size;
  std::uint32_t crc32;
};

std::vector<std::byte> checked_blob(int shard, std::uint64_t payload_address, std::uint64_t payload_bytes, const Blob& blob) {
  if (blob.offset < data::kPayloadHeaderBytes || blob.offset > payload_bytes || blob.size > payload_bytes - blob.offset) {
    throw DataError("the {} is said to lie at bytes {} to {} of a payload of {}", blob.kind, blob.offset, blob.offset + blob.size,
                    payload_bytes);
  }
  std::vector<std::byte> bytes(blob.size);
  if (!data::read_fully(shard, payload_address + blob.offset, bytes)) {
    throw DataError("the {}'s {} bytes cannot be read: {}", blob.kind, blob.size,
                    errno == 0 ? "the file ends before them" : errno_text(errno));
  }
  if (const std::uint32_t found = crc32_of(bytes); found != blob.crc32) {
    throw DataError("the {}'s {} bytes have checksum {:08x}, the index says {:08x}; repack", blob.kind, blob.size, found, blob.crc32);
  }
  return bytes;
}

void check_image(const IndexColumns& c, std::size_t i, std::span<const std::byte> bytes, std::uint32_t max_side, PixelSums& sums) {
  const image::ImageInfo info = image::probe(bytes, "the image");
  if (info.codec != c.image_codec[i] || info.channels != c.channels[i] || info.bit_depth != c.bit_depth[i]) {
    throw DataError("the image has codec {}, {} channels of {} bits, the index says codec {}, {} of {}", static_cast<int>(info.codec),
                    info.channels, info.bit_depth, static_cast<int>(c.image_codec[i]), c.channels[i], c.bit_depth[i]);
  }
  image::Image image = image::decode_rgb(bytes, "the image");
  sums += pixel_sums(image);
  const bool reduced = max_side > 0 && std::max(c.source_height[i], c.source_width[i]) > max_side;
  if (!reduced &&
      (static_cast<std::uint32_t>(image.height) != c.source_height[i] || static_cast<std::uint32_t>(image.width) != c.source_width[i])) {
    throw DataError("the image is {} x {}, the index says {} x {}", image.width, image.height, c.source_width[i], c.source_height[i]);
  }
  image = image::apply_orientation(std::move(image), c.orientation[i]);
  if (static_cast<std::uint32_t>(image.height) != c.height[i] || static_cast<std::uint32_t>(image.width) != c.width[i]) {
    throw DataError("the upright image is {} x {}, the index says {} x {}", image.width, image.height, c.width[i], c.height[i]);
  }
}

void check_mask(const IndexColumns& c, std::size_t i, std::span<const std::byte> bytes, const SampleChecks& checks) {
  const auto height = static_cast<int>(c.height[i]), width = static_cast<int>(c.width[i]);
  if (checks.target == TargetKind::kSegmentMask) {
    const std::size_t segments = data::segments_of(c, i).size();
    check_segment_mask(data::decode_segment_mask(bytes, c.mask_codec[i], c.mask_dtype[i], height, width, segments, "the mask"), c, i,
                       checks.classes.size());
  } else {
    check_class_mask(data::decode_mask(bytes, c.mask_codec[i], c.mask_dtype[i], height, width, "the mask"), c, i, checks.classes.size());
  }
}

bool has_mask(TargetKind target) noexcept {
  return target == TargetKind::kClassMask || target == TargetKind::kSegmentMask;
}

void check_labels(const IndexColumns& c, std::size_t i, const SampleChecks& checks) {
  const auto classes = static_cast<std::int64_t>(checks.classes.size());
  const std::vector<std::int32_t> labels = data::labels_of(c, i);
  const bool in_range = std::ranges::all_of(labels, [classes](std::int32_t label) { return label >= 0 && label < classes; });
  const bool ascending = std::ranges::adjacent_find(labels, std::ranges::greater_equal()) == labels.end();
  if (!in_range || !ascending || (checks.target == TargetKind::kLabel && (c.label[i] < -1 || c.label[i] >= classes))) {
    throw DataError("its labels are not ascending numbers of the {} classes", classes);
  }
}

}  // namespace

std::uint64_t end_of_sample(const IndexColumns& c, std::size_t i) noexcept {
  return std::max(c.image_offset[i] + c.image_size[i], c.mask_size[i] == 0 ? 0 : c.mask_offset[i] + c.mask_size[i]);
}

void verify_sample(int shard, std::uint64_t payload_address, std::uint64_t payload_bytes, const IndexColumns& c, std::size_t i,
                   const SampleChecks& checks, PixelSums& sums) {
  const Blob image_blob{.kind = "image", .offset = c.image_offset[i], .size = c.image_size[i], .crc32 = c.image_crc32[i]};
  const std::vector<std::byte> image = checked_blob(shard, payload_address, payload_bytes, image_blob);
  std::vector<std::byte> mask;
  if (c.mask_size[i] > 0) {
    const Blob mask_blob{.kind = "mask", .offset = c.mask_offset[i], .size = c.mask_size[i], .crc32 = c.mask_crc32[i]};
    mask = checked_blob(shard, payload_address, payload_bytes, mask_blob);
  }
  if (mask.empty() == has_mask(checks.target)) {
    throw DataError("it has {} mask, which is wrong for this task", mask.empty() ? "no" : "a");
  }
  check_labels(c, i, checks);
  if (checks.level == VerifyLevel::kDecode) {
    check_image(c, i, image, checks.max_side, sums);
    if (!mask.empty()) {
      check_mask(c, i, mask, checks);
    }
  }
  if (checks.source != nullptr) {
    checks.source->check(c, i, image, mask);
  }
}

}  // namespace muster::pack
