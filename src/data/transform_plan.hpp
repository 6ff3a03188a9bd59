// Where a training crop is taken from: drawn as numbers first, so that labels can be looked at before the image is touched.
//
//   upright image --cut--> source --scale--> scaled_height x scaled_width --crop, pad--> crop_height x crop_width --flip, turn, rotate-->
//   sample
#pragma once

#include <cstdint>

#include "data/transform_options.hpp"
#include "image/resize.hpp"

namespace muster::data {

// Draws are named by what they are for; site = operation * 32 + attempt of stream augment (CONTRACTS 6). Numbers never change.
enum class AugmentOperation : std::uint32_t {
  kScale = 0,
  kSmallestSize = 1,
  kCrop = 2,
  kFlip = 3,
  kTurn = 4,
  kColor = 5,
  kResizedCrop = 6,
  kRotate = 8
};  // 7: sample_weights

struct DrawKey {
  std::uint64_t seed = 0;
  std::uint32_t epoch = 0;
  std::uint32_t sample_id = 0;
  std::uint32_t attempt = 0;  // below 32
};

struct TransformPlan {
  image::Window source;  // of the upright image: what is scaled. Its edge counts as the image's: no filter looks beyond it
  int scaled_height = 0;
  int scaled_width = 0;
  image::Window content;  // of the scaled image: what the crop shows of it
  int top = 0;            // where `content` lies in the crop; the rest is padding
  int left = 0;
  int crop_height = 0;
  int crop_width = 0;
  bool flip_horizontal = false;
  bool flip_vertical = false;
  int quarter_turns = 0;  // clockwise, after the flips
  double rotation = 0;    // degrees counter-clockwise around the crop's centre, after the turns
};

// Pure. Throws DataError when padding is needed and pad_if_needed is off.
TransformPlan draw_plan(const TransformOptions& options, int height, int width, const DrawKey& key);

}  // namespace muster::data
