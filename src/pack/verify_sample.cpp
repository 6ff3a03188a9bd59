#include "pack/verify_sample.hpp"

#include <cerrno>
#include <span>
#include <utility>

#include <unistd.h>

#include "core/error.hpp"
#include "core/hash.hpp"
#include "data/mask_codec.hpp"
#include "image/decode.hpp"
#include "image/orientation.hpp"
#include "pack/class_file.hpp"

namespace muster::pack {

namespace {

using data::IndexColumns;

// Decoded pixels against what the index says of them.
void check_pixels(const IndexColumns& c, std::size_t i, std::span<const std::byte> image_bytes, std::span<const std::byte> mask_bytes,
                  const data::ClassList& classes) {
  image::Image image = image::decode_rgb(image_bytes, "the image");
  if (static_cast<std::uint32_t>(image.height) != c.source_height[i] || static_cast<std::uint32_t>(image.width) != c.source_width[i]) {
    throw DataError("the image is {} x {}, the index says {} x {}", image.width, image.height, c.source_width[i], c.source_height[i]);
  }
  image = image::apply_orientation(std::move(image), c.orientation[i]);
  if (static_cast<std::uint32_t>(image.height) != c.height[i] || static_cast<std::uint32_t>(image.width) != c.width[i]) {
    throw DataError("the upright image is {} x {}, the index says {} x {}", image.width, image.height, c.width[i], c.height[i]);
  }
  if (c.mask_size[i] == 0) {
    return;
  }
  const image::LabelMap labels = data::decode_mask(mask_bytes, c.mask_codec[i], c.mask_dtype[i], static_cast<int>(c.height[i]),
                                                   static_cast<int>(c.width[i]), "the mask");
  std::vector<std::uint32_t> counts(classes.size());
  for (const std::uint16_t label : labels.values) {
    if (label != kVoid && label >= classes.size()) {
      throw DataError("the mask holds the index {}, but there are {} classes", label, classes.size());
    }
    if (label != kVoid) {
      ++counts[label];
    }
  }
  for (std::uint64_t entry = c.class_ptr[i]; entry < c.class_ptr[i + 1]; ++entry) {
    if (c.class_id[entry] >= counts.size() || std::exchange(counts[c.class_id[entry]], 0) != c.class_pixels[entry]) {
      throw DataError("class index {} does not have the {} pixels that the index says", c.class_id[entry], c.class_pixels[entry]);
    }
  }
  for (std::size_t dense = 0; dense < counts.size(); ++dense) {
    if (counts[dense] != 0) {
      throw DataError("class index {} has {} pixels that the index does not list", dense, counts[dense]);
    }
  }
}

}  // namespace

std::vector<std::byte> read_range(const UniqueFd& fd, std::uint64_t offset, std::uint64_t bytes) {
  std::vector<std::byte> out(bytes);
  std::size_t done = 0;
  while (done < out.size()) {
    const ssize_t got = ::pread(fd.get(), out.data() + done, out.size() - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got <= 0) {
      throw DataError("only {} of {} bytes at {} can be read: {}", done, bytes, offset, got < 0 ? errno_text(errno) : "end of file");
    }
    done += static_cast<std::size_t>(got);
  }
  return out;
}

void verify_sample(const UniqueFd& shard, std::uint64_t payload_address, const data::IndexColumns& c, std::size_t i, VerifyLevel level,
                   const data::ClassList& classes) {
  const std::vector<std::byte> image = read_range(shard, payload_address + c.image_offset[i], c.image_size[i]);
  if (crc32_of(image) != c.image_crc32[i]) {
    throw DataError("the image's {} bytes have checksum {:08x}, the index says {:08x}; repack", image.size(), crc32_of(image),
                    c.image_crc32[i]);
  }
  const std::vector<std::byte> mask = read_range(shard, payload_address + c.mask_offset[i], c.mask_size[i]);
  if (!mask.empty() && crc32_of(mask) != c.mask_crc32[i]) {
    throw DataError("the mask's {} bytes have checksum {:08x}, the index says {:08x}; repack", mask.size(), crc32_of(mask),
                    c.mask_crc32[i]);
  }
  if (level == VerifyLevel::kDecode) {
    check_pixels(c, i, image, mask, classes);
  }
}

}  // namespace muster::pack
