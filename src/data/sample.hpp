// A sample on its way from the shard to the model: encoded bytes, then pixels, then a row of a batch.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <ATen/core/Tensor.h>

#include "data/segment.hpp"
#include "data/target_kind.hpp"
#include "image/codec.hpp"
#include "image/image.hpp"

namespace muster::data {

// Dense index of a pixel without class, in memory. (Stored masks of 8 bits say 255; the reader widens it.)
inline constexpr std::uint16_t kVoidLabel = 65535;

// As stored: one blob for the image, one for its mask.
struct EncodedSample {
  std::uint32_t id = 0;  // global index in the split
  std::string key;       // path relative to the source root; names the sample in errors
  image::Codec image_codec = image::Codec::kNone;
  std::vector<std::byte> image;
  int orientation = 1;  // EXIF value still to be applied to the image, never to the mask
  int height = 0;       // upright, after the orientation
  int width = 0;
  image::Codec mask_codec = image::Codec::kNone;
  std::vector<std::byte> mask;
  int mask_dtype = 1;  // 1 = u8, 2 = u16
  TargetKind kind = TargetKind::kClassMask;
  std::int32_t label = -1;             // kLabel: dense index, -1 = unlabelled
  std::vector<std::int32_t> labels{};  // kLabels: dense indices, ascending
  std::vector<Segment> segments{};     // kSegmentMask
};

// Upright pixels with their labels, of equal size. `target` is empty where a sample has no mask.
struct Sample {
  std::uint32_t id = 0;
  image::Image image;
  image::LabelMap target;   // dense index over all classes of the pack, kVoidLabel where there is none; of a segment mask: 1 + index in
                            // `segments`, 0 = void
  std::int32_t label = -1;  // as in EncodedSample
  std::vector<std::int32_t> labels{};
  std::vector<Segment> segments{};
};

// B batch, C channel, H height, W width
struct Batch {
  at::Tensor images_BCHW;              // float32, normalised
  at::Tensor targets_BHW;              // int32, train index; -1 = void. Undefined for sets without masks
  std::vector<std::int32_t> labels{};  // of sets with one label per image: EncodedSample::label
  std::vector<std::uint32_t> ids;
  std::vector<std::pair<int, int>> original_sizes;  // height, width before any transform
};

}  // namespace muster::data
